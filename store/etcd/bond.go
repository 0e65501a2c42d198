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
	// wentBack says that the store was older than known since. It may come as
	// far again, and then has other writes at revisions that are known.
	wentBack bool
}

func (b *bond) position() store.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// history is what is known, and whether the store has gone back behind it.
func (b *bond) history() (known store.Position, wentBack bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known, b.wentBack
}

// meet takes note of what was found by one who knew that much when it asked.
// Only against that is found held: answers may overtake one another.
func (b *bond) meet(knew, found store.Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	another := knew.Store != "" && found.Store != knew.Store
	older := !another && found.Revision < knew.Revision
	if older && b.known.Store == knew.Store {
		b.wentBack = true
	}
	switch {
	case another || older || found.Store == "":
		return &store.ResetError{Known: knew, Found: found}
	case b.known.Store == "":
		b.known = found
	case b.known.Store != found.Store, b.wentBack:
		return &store.ResetError{Known: b.known, Found: found}
	default:
		b.known.Revision = max(b.known.Revision, found.Revision)
	}
	return nil
}

// lose notes that the store went back behind what was known, and came as far
// again.
func (b *bond) lose(reset store.ResetError) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known.Store == reset.Known.Store {
		b.wentBack = true
	}
	return &reset
}

// accept takes found, whatever was known.
func (b *bond) accept(found store.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.wentBack = found, false
}
