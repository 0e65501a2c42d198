package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"time"
)

// followed are files whose contents are in use. It is for one goroutine.
type followed struct {
	files []string // "" is none
	// take has what the files have used, if that is something else. It is called
	// when they have changed, and again for as long as it fails.
	take func(context.Context) error
	// fail tells that it has failed: once for each change and reason.
	fail func(problem string)

	seen    [sha256.Size]byte // what they had; zero: nobody has looked yet
	problem string            // that was told last, if it still lasts
}

// lookInterval is how often the files are looked at. Their contents are
// compared: what a secret's volume swaps has the time stamps it likes.
const lookInterval = 5 * time.Second

// followFiles looks at all of them again and again until ctx ends.
func followFiles(ctx context.Context, all ...*followed) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, f := range all {
			f.look(ctx)
		}
	}
}

func (f *followed) look(ctx context.Context) {
	now := contentsOf(f.files)
	changed := now != f.seen
	if !changed && f.problem == "" {
		return
	}
	f.seen = now // before they are read: what changes meanwhile is seen the next time
	err := f.take(ctx)
	switch {
	case err == nil:
		f.problem = ""
	case ctx.Err() == nil && (changed || err.Error() != f.problem):
		f.problem = err.Error()
		f.fail(f.problem)
	}
}

// contentsOf is a digest of what files have, or of why they cannot be read.
func contentsOf(files []string) [sha256.Size]byte {
	digest := sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		fmt.Fprintln(digest, len(text), err)
		digest.Write(text)
	}
	return [sha256.Size]byte(digest.Sum(nil))
}
