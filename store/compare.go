package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"originwarden/origins"
)

// parallel is how many lists are read at once.
const parallel = 8

// CatchUp compares the cache with the store, and returns when it is where the
// store was. Before Follow it tells whether the store can be reached and its
// lists be had, so that none is served that was kept elsewhere and is old.
func (f *Follower) CatchUp(ctx context.Context) error {
	if err := f.reach(ctx, true); err != nil {
		return err
	}
	return f.complete(ctx)
}

// reach finds the store, and from where the feed can go on: where it was, or
// where a comparison was made anew.
func (f *Follower) reach(ctx context.Context, anew bool) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	_, err := f.position(ctx)
	if f.AcceptReset && errors.Is(err, ErrReset) {
		_, err = f.take(ctx)
	}
	if err != nil || f.isKnown() && !anew {
		return err
	}
	return f.compare(ctx)
}

func (f *Follower) isKnown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known
}

// compare finds the tenants that have changed since the feed was left, and goes
// on from there. A tenant that the store does not have any more was another
// store's, and may have tunnels.
func (f *Follower) compare(ctx context.Context) error {
	taken := f.takeovers()
	at, revisions, err := f.tenants(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken != taken {
		return errTaken
	}
	for tenant := range f.seen {
		if _, has := revisions[tenant]; !has || f.restored {
			f.lags(tenant)
		}
	}
	for tenant, revision := range revisions {
		if revision > f.fed.Revision {
			f.lags(tenant)
		}
	}
	if f.restored {
		f.restored = false
		for _, tenant := range f.Lists.Tenants() {
			f.lags(tenant)
		}
	}
	f.went(at, revisions)
	return nil
}

// went is called with mu held. A feed that runs may have come further.
func (f *Follower) went(at Position, revisions map[string]uint64) {
	if f.known && f.fed.Revision >= at.Revision {
		return
	}
	if !f.known {
		f.seen = map[string]uint64{}
	}
	maps.Copy(f.seen, revisions)
	f.known, f.fed = true, at
	f.move()
}

// lags is called with mu held.
func (f *Follower) lags(tenant string) {
	if f.behind == nil {
		f.behind = map[string]bool{}
	}
	f.behind[tenant] = true
}

func (f *Follower) tenants(ctx context.Context) (at Position, revisions map[string]uint64, err error) {
	at, err = f.ask(ctx, func(ctx context.Context) (at Position, err error) {
		at, revisions, err = f.Store.Tenants(ctx)
		return at, err
	})
	return at, revisions, err
}

// revalidate finds the tenants whose last write the feed has come past and not
// told of, and the lists that lack it or have one that the store never had.
func (f *Follower) revalidate(ctx context.Context) error {
	were := f.cached()
	at, revisions, err := f.tenants(ctx)
	if err != nil {
		return err
	}
	if err := f.awaitFeed(ctx, at.Revision); err != nil {
		return err
	}
	f.findUntold(revisions)
	for tenant, was := range were {
		list, _, cached := f.Lists.Peek(tenant)
		switch last := revisions[tenant]; {
		case !cached || f.isBehind(tenant):
		case list.Revision() < last, was.Revision() > max(last, was.Complete()), was.Complete() > at.Revision:
			f.report(ChangeMissed, fmt.Errorf("the list of tenant %q is at revision %d, its last write at %d", tenant, list.Revision(), last))
			f.setBehind(tenant)
		case f.Lists.Doubted(tenant):
			f.setBehind(tenant)
		}
	}
	return nil
}

// findUntold finds what the feed has dropped. The tenant's list may have it all
// the same, by a load, or not be cached, and its tunnels not be decided on again.
func (f *Follower) findUntold(revisions map[string]uint64) {
	for tenant, last := range f.takeUntold(revisions) {
		f.report(ChangeMissed, fmt.Errorf("the feed did not tell of the write of tenant %q at revision %d", tenant, last))
	}
}

// takeUntold sets the tenants behind that it returns.
func (f *Follower) takeUntold(revisions map[string]uint64) map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	untold := map[string]uint64{}
	for tenant, last := range revisions {
		if f.seen[tenant] < last {
			f.seen[tenant], untold[tenant] = last, last
			f.lags(tenant)
		}
	}
	return untold
}

func (f *Follower) cached() map[string]*origins.List {
	lists := map[string]*origins.List{}
	for _, tenant := range f.Lists.Tenants() {
		if list, _, cached := f.Lists.Peek(tenant); cached {
			lists[tenant] = list
		}
	}
	return lists
}

func (f *Follower) isBehind(tenant string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind[tenant]
}

func (f *Follower) setBehind(tenant string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lags(tenant)
}

// complete brings in force what the feed has come past: it reads the lists anew
// that are behind, and prepares.
func (f *Follower) complete(ctx context.Context) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	err := errors.Join(f.refresh(ctx), f.prepare(ctx))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.move()
	return err
}

func (f *Follower) prepare(ctx context.Context) error {
	f.mu.Lock()
	ready, taken := f.ready, f.taken
	f.mu.Unlock()
	if ready {
		return nil
	}
	if f.Prepare != nil {
		if err := f.Prepare(ctx); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready = f.taken == taken
	return nil
}

// refresh reads the lists anew that are behind, some at a time and in no order,
// until one fails.
func (f *Follower) refresh(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	tenants := f.laggards()
	next := make(chan string)
	var readers sync.WaitGroup
	for range min(parallel, len(tenants)) {
		readers.Go(func() {
			for tenant := range next {
				if err := f.refreshOne(ctx, tenant); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, tenant := range tenants {
		if ctx.Err() != nil {
			break
		}
		next <- tenant
	}
	close(next)
	readers.Wait()
	return context.Cause(ctx)
}

func (f *Follower) laggards() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.behind))
}

func (f *Follower) refreshOne(ctx context.Context, tenant string) error {
	if err := f.Lists.Refresh(ctx, tenant); err != nil {
		return fmt.Errorf("reading the list of tenant %q: %w", tenant, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.behind, tenant)
	return nil
}
