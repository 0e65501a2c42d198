// Package credentials uses certificates, keys and passwords from files, and reads
// them again when they change.
package credentials

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/logs"
)

// Files are files whose contents are in use.
type Files struct {
	Names []string // "" is ignored
	// Apply reads the files and uses them if they have changed. It is called after
	// every change, and at each FollowInterval while it fails.
	Apply func(context.Context) error
	// Log gets Failure once for each change and reason when Apply fails.
	Log     *zap.Logger
	Failure string

	seen    [sha256.Size]byte // zero: not read yet
	problem string            // reported last, or "" after a success
}

// FollowInterval is how often Follow reads the files. It compares their contents:
// the time stamps of a mounted secret say nothing.
const FollowInterval = 5 * time.Second

// Follow reads the files periodically until ctx ends.
func Follow(ctx context.Context, all ...*Files) {
	tick := time.NewTicker(FollowInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, f := range all {
			f.check(ctx)
		}
	}
}

func (f *Files) check(ctx context.Context) {
	now := digest(f.Names)
	changed := now != f.seen
	if !changed && f.problem == "" {
		return
	}
	f.seen = now // before they are read: a change meanwhile is seen the next time
	err := f.Apply(ctx)
	switch {
	case err == nil:
		f.problem = ""
	case ctx.Err() == nil && (changed || err.Error() != f.problem):
		f.problem = err.Error()
		f.Log.Error(f.Failure, zap.String("error", logs.Escape(f.problem, logs.MaxError)))
	}
}

// digest returns a digest of the files' contents, or of why they cannot be read.
func digest(names []string) [sha256.Size]byte {
	digest := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(name)
		fmt.Fprintln(digest, len(text), err)
		digest.Write(text)
	}
	return [sha256.Size]byte(digest.Sum(nil))
}
