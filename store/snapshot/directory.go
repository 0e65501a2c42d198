package snapshot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockPatience = 5 * time.Second
	lockInterval = 20 * time.Millisecond

	lockName      = "lists.lock"
	manifestName  = "lists.manifest"
	segmentSuffix = ".segment"
	unnamedSuffix = ".tmp"
)

// Directory is where a snapshot is kept, locked against other processes. It
// knows what the snapshot has, so that Write writes what is new alone. It is
// used by one goroutine at a time.
type Directory struct {
	root     *os.Root
	lock     *flock.Flock
	segments []*segment // of the manifest, the oldest first
	places   map[string]place
}

// Open opens the directory and makes it, with mode 0700, if it is missing; its
// parent has to be there. It waits up to 5 s, and no longer than ctx, for
// another process to release it. One that others may write to is refused.
func Open(ctx context.Context, path string) (*Directory, error) {
	d, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening the snapshot directory %s: %w", path, err)
	}
	return d, nil
}

func open(ctx context.Context, path string) (*Directory, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, reason(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, reason(err)
	}
	d := &Directory{root: root}
	if err := d.take(ctx, path); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// reason is err without the name of the file, which the caller tells.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (d *Directory) take(ctx context.Context, path string) error {
	info, err := d.root.Stat(".")
	if err != nil {
		return err
	}
	if err := private(info); err != nil {
		return err
	}
	d.lock, err = acquire(ctx, filepath.Join(path, lockName))
	return err
}

// acquire takes the lock, which the kernel releases with the process.
func acquire(ctx context.Context, path string) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(path, flock.SetPermissions(0o600))
	_, err := lock.TryLockContext(ctx, lockInterval)
	switch {
	case err == nil:
		return lock, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it is in use by another process: %w", ctx.Err())
	}
	return nil, fmt.Errorf("locking it: %w", reason(err))
}

// Close releases the directory. What was written stays.
func (d *Directory) Close() error { return errors.Join(d.lock.Close(), d.root.Close()) }

// sweep removes the files of snapshots that the manifest in force does not name:
// what an interrupted write has left, and what was replaced. Other files are
// none of its business. What cannot be removed is tried again.
func (d *Directory) sweep() {
	files, _ := fs.ReadDir(d.root.FS(), ".")
	for _, f := range files {
		if isOurs(f.Name()) && !d.names(f.Name()) {
			_ = d.root.Remove(f.Name())
		}
	}
}

// names reports whether the manifest in force names the file.
func (d *Directory) names(file string) bool {
	return slices.ContainsFunc(d.segments, func(s *segment) bool { return s.id.file() == file })
}

func isOurs(name string) bool {
	for _, suffix := range [...]string{segmentSuffix, unnamedSuffix} {
		if id, ok := strings.CutSuffix(name, suffix); ok {
			raw, err := hex.DecodeString(id)
			return err == nil && len(raw) == len(segmentID{})
		}
	}
	return false
}

// segmentID is the random part of a segment's name: a name that was used once
// never comes back with another content.
type segmentID [16]byte

func newID() (id segmentID) {
	rand.Read(id[:]) // never fails since Go 1.24
	return id
}

func (id segmentID) file() string    { return hex.EncodeToString(id[:]) + segmentSuffix }
func (id segmentID) unnamed() string { return hex.EncodeToString(id[:]) + unnamedSuffix }

// create makes a file that was not there, not even as a symbolic link.
func (d *Directory) create(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// regular opens a file for reading if it is a regular one, not a link, that
// others cannot write to, and returns its size.
func (d *Directory) regular(name string) (*os.File, int64, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is no regular file")
	}
	if err := private(info); err != nil {
		return nil, 0, err
	}
	f, err := d.root.Open(name)
	return f, info.Size(), err
}

// forget makes the next Write write everything.
func (d *Directory) forget() { d.segments, d.places = nil, nil }

// isWhole reports whether every segment is still there: cleaners of temporary
// files do not know that what was not changed for long is in use.
func (d *Directory) isWhole() bool {
	return !slices.ContainsFunc(d.segments, func(s *segment) bool {
		info, err := d.root.Lstat(s.id.file())
		return err != nil || info.Size() != s.size
	})
}

// sync makes the names of files survive the end of the machine. Windows and
// some file systems cannot be asked to.
func (d *Directory) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) || !syncsDirectories {
		return nil
	}
	return err
}
