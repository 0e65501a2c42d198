package snapshot

import (
	"context"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// Keeper keeps a cache's lists in a directory. Its fields are set before its
// use.
type Keeper struct {
	Directory *Directory
	Lists     *origins.Cache
	// State returns the position of which every change is in force in Lists,
	// and when that was last known to be the store's newest. While there is no
	// such position it is zero, also from before the lists of another store
	// replace those that there are until they have, and nothing is written.
	State func() (at store.Position, confirmed time.Time)
	// Log, if there is one, is told when writing fails, once, and with nil when
	// it succeeds again.
	Log func(error)
}

const (
	pause   = 500 * time.Millisecond // half of the second that the snapshot may be behind
	refresh = 10 * time.Second       // how often it is written for its position or time alone
	retry   = 10 * time.Second       // after a failure
)

// Keep writes the lists whenever they have changed, at most a second later, and
// once more when ctx ends; the error is that of the last time. A list that is
// not cached is not kept, so it begins when the lists have been restored or
// loaded. While the cache has never had a list, it writes nothing.
func (k *Keeper) Keep(ctx context.Context) error {
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	var last attempt
	for {
		select {
		case <-ctx.Done():
			k.write(&last)
			return last.err
		case <-ticks.C:
			if k.due(&last) {
				k.write(&last)
			}
		}
	}
}

// attempt is a write, and what it was of.
type attempt struct {
	installs  uint64
	at        store.Position
	confirmed time.Time
	ended     time.Time
	err       error
}

func (k *Keeper) due(last *attempt) bool {
	since := time.Since(last.ended)
	if last.err != nil {
		return since >= retry
	}
	if k.Lists.Installs() != last.installs {
		return true
	}
	at, confirmed := k.State()
	return since >= refresh && (at != last.at || !confirmed.Equal(last.confirmed))
}

// write writes the lists as they are now, if they are those of a store.
func (k *Keeper) write(last *attempt) {
	next := attempt{installs: k.Lists.Installs()} // what is installed from here on is for the next one
	s, ok := k.snapshot()
	if !ok {
		return
	}
	_, next.err = k.Directory.Write(s)
	next.at, next.confirmed, next.ended = s.At, s.Confirmed, time.Now()
	if k.Log != nil && (next.err == nil) != (last.err == nil) {
		k.Log(next.err)
	}
	*last = next
}

// snapshot reads the position first: the lists may be newer, but never older.
func (k *Keeper) snapshot() (*Snapshot, bool) {
	s := &Snapshot{Lists: map[string]*origins.List{}}
	s.At, s.Confirmed = k.State()
	for _, tenant := range k.Lists.Tenants() {
		if l, _, ok := k.Lists.Peek(tenant); ok {
			s.Lists[tenant] = l
		}
	}
	after, _ := k.State()
	return s, s.At.Store != "" && s.At.Store == after.Store && k.Lists.Installs() > 0
}
