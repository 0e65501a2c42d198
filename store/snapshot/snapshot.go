package snapshot

import (
	"fmt"
	"io/fs"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// ErrNone is returned by Read where no snapshot was written yet. It is an
// fs.ErrNotExist; no other error of Read is.
var ErrNone = fmt.Errorf("there is no snapshot: %w", fs.ErrNotExist)

// Snapshot is what a cache has, at a moment.
type Snapshot struct {
	// At is a position up to which every list contains all changes of its
	// tenant. Lists may contain newer ones.
	At store.Position
	// Confirmed is when At was last known to be the store's newest position, in
	// whole seconds. The zero value is never.
	Confirmed time.Time
	// Lists are by tenant.
	Lists map[string]*origins.List
}
