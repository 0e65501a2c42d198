package etcd

import (
	"sync"

	"originwarden/store"
)

// bond is what the store is known as: its identity, and the newest revision
// that was seen of it. The zero value takes whatever it meets first.
type bond struct {
	mu    sync.Mutex
	known store.Position
}

func (b *bond) position() store.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// meet takes note of what was found by one who knew that much when it asked.
// Only against that is found held: answers may overtake one another.
func (b *bond) meet(knew, found store.Position) error {
	another := knew.Store != "" && found.Store != knew.Store
	if another || found.Store == "" || found.Revision < knew.Revision {
		return &store.ResetError{Known: knew, Found: found}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.known.Store == "":
		b.known = found
	case b.known.Store != found.Store:
		return &store.ResetError{Known: b.known, Found: found}
	default:
		b.known.Revision = max(b.known.Revision, found.Revision)
	}
	return nil
}

// accept takes found, whatever was known.
func (b *bond) accept(found store.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known = found
}
