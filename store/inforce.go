package store

import (
	"context"

	"originwarden/origins"
)

// progress is how far the cache has come, from which follows what is in force.
type progress struct {
	// known says that the feed goes on from fed, up to which the cache lacks
	// nothing but what the lists of the tenants behind may lack.
	known  bool
	fed    Position
	behind map[string]bool
	ready  bool // Prepare has succeeded
	// restored says that the lists came from elsewhere.
	restored bool
	taken    int               // how often the store was taken as it is
	seen     map[string]uint64 // the last write of each tenant that the store has told of
}

// feed is how far the feed has come.
func (f *Follower) feed() Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fed
}

// move is called with mu held, after any progress.
func (f *Follower) move() {
	if f.ready && len(f.behind) == 0 {
		f.state.InForce = f.fed
	}
	f.state.Newest = max(f.state.Newest, f.fed.Revision)
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

// awaitFeed gives the feed as long as a call may take.
func (f *Follower) awaitFeed(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.Timeout, errSilent)
	defer cancel()
	return f.await(ctx, func() bool { return f.fed.Revision >= revision })
}

// await calls reached with mu held.
func (f *Follower) await(ctx context.Context, reached func() bool) error {
	for {
		f.mu.Lock()
		done := reached()
		if f.moved == nil {
			f.moved = make(chan struct{})
		}
		moved := f.moved
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// apply takes what the feed tells of a store that was taken so often. Of several
// changes of one web integration the last is enough.
func (f *Follower) apply(changes []origins.Change, taken int) {
	f.applying.Lock()
	defer f.applying.Unlock()
	if len(changes) == 0 || f.takeovers() != taken {
		return
	}
	for _, c := range newest(changes) {
		f.Lists.Apply(c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		f.seen[c.Tenant] = c.Revision
	}
	f.fed.Revision = max(f.fed.Revision, changes[len(changes)-1].Revision)
	f.move()
}

func (f *Follower) takeovers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken
}

func newest(changes []origins.Change) []origins.Change {
	if len(changes) == 1 {
		return changes
	}
	type key struct{ tenant, id string }
	last := make(map[key]int, len(changes))
	for i, c := range changes {
		last[key{c.Tenant, c.ID}] = i
	}
	kept := make([]origins.Change, 0, len(last))
	for i, c := range changes {
		if last[key{c.Tenant, c.ID}] == i {
			kept = append(kept, c)
		}
	}
	return kept
}
