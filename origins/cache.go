package origins

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// ErrUnavailable is wrapped by Cache.List when no list could be had.
var ErrUnavailable = errors.New("list unavailable")

// Loader reads a tenant's list from where the lists are kept. A tenant without
// web integrations has an empty list, not an error. Its context does not end
// with the request that asked first, so it sets its own limit of time.
type Loader func(ctx context.Context, tenant string) (*List, error)

// Bounds limit a Cache. Both must be positive.
type Bounds struct {
	Tenants int // lists
	Origins int // origins over all lists; one list alone may exceed it
}

// Cache holds the lists of the tenants used last, within its bounds. A list
// that is there is had without I/O; its lock covers pointer moves only. It may
// be used concurrently.
//
// Callers ask for tenants that exist, never for names that strangers make up.
type Cache struct {
	// Changed, if it is set before the cache is used, is called with the tenant
	// after every Apply and Doubt, also when its list is not cached, and when a
	// doubted list was read anew. A list that is only loaded again has not
	// changed. Whoever changes a list waits for it.
	Changed func(tenant string)

	bounds Bounds
	load   Loader
	group  singleflight.Group

	// changing is held while a changed list is built and installed, so that no
	// change is lost between the two. It is taken before mu.
	changing sync.Mutex

	mu      sync.Mutex // below: pointer moves only
	lists   *simplelru.LRU[string, held]
	origins int
	loading map[string]*arrivals
	failed  *simplelru.LRU[string, failure]

	hits, misses, evictions, loaded, failures atomic.Uint64
}

// held is a cached list.
type held struct {
	list *List
	// doubted says that it is served until it could be read anew.
	doubted bool
}

// arrivals are the changes of a tenant that were committed while its list was
// being read. The read may have been before them.
type arrivals struct {
	changes []Change
	doubted bool // the read may have missed something
}

type failure struct {
	err error
	at  time.Time
}

const (
	failureMemory = time.Second // how long a failed load answers for the next
	maxArrivals   = 1024        // changes during one load, above which it is read anew
	maxDeleted    = 1024        // deleted parts that a cached list remembers
	maxReads      = 5           // of one load
)

// NewCache returns an empty cache that fills itself by load.
func NewCache(bounds Bounds, load Loader) *Cache {
	c := &Cache{bounds: bounds, load: load, loading: map[string]*arrivals{}}
	var err error
	if c.lists, err = simplelru.NewLRU[string, held](bounds.Tenants, nil); err != nil {
		panic("origins: Bounds.Tenants must be positive")
	}
	c.failed, _ = simplelru.NewLRU[string, failure](bounds.Tenants, nil)
	return c
}

// List returns the tenant's list. If it is not there it is loaded, once however
// many wait for it. The error is ErrUnavailable with the loader's, or that of
// ctx; a failed load is not tried again for a second.
func (c *Cache) List(ctx context.Context, tenant string) (*List, error) {
	c.mu.Lock()
	h, ok := c.lists.Get(tenant)
	c.mu.Unlock()
	if !ok {
		c.misses.Add(1)
		return c.miss(ctx, tenant)
	}
	c.hits.Add(1)
	if h.doubted && c.lately(tenant) == nil {
		c.start(ctx, tenant)
	}
	return h.list, nil
}

func (c *Cache) miss(ctx context.Context, tenant string) (*List, error) {
	if err := c.lately(tenant); err != nil {
		return nil, err
	}
	select {
	case r := <-c.start(ctx, tenant):
		l, _ := r.Val.(*List)
		return l, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// start begins to load the tenant's list, or joins the load that runs.
func (c *Cache) start(ctx context.Context, tenant string) <-chan singleflight.Result {
	return c.group.DoChan(tenant, func() (any, error) {
		return c.fill(context.WithoutCancel(ctx), tenant)
	})
}

// lately returns the error of a load that failed within the last second.
func (c *Cache) lately(tenant string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.failed.Get(tenant); ok && time.Since(f.at) < failureMemory {
		return f.err
	}
	return nil
}

// fill reads the tenant's list and installs it, with the changes that were
// committed meanwhile.
func (c *Cache) fill(ctx context.Context, tenant string) (*List, error) {
	for range maxReads {
		held, again := c.peek(tenant)
		if again && !held.doubted {
			return held.list, nil // by a load that ended between our miss and our start
		}
		c.expect(tenant)
		l, err := c.load(ctx, tenant)
		if err != nil {
			return nil, c.fail(tenant, err)
		}
		if l, ok := c.settle(tenant, l); ok {
			c.loaded.Add(1)
			if again {
				c.tell(tenant) // others than those that were applied, perhaps
			}
			return l, nil
		}
	}
	return nil, c.fail(tenant, errors.New("the list changes faster than it is read"))
}

func (c *Cache) peek(tenant string) (held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists.Peek(tenant)
}

// expect begins to collect the tenant's changes, before its list is read.
func (c *Cache) expect(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loading[tenant] = &arrivals{}
}

func (c *Cache) fail(tenant string, err error) error {
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	c.failures.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loading, tenant)
	c.failed.Add(tenant, failure{err, time.Now()})
	return err
}

// settle applies to a list that was read what arrived meanwhile and installs
// it, or reports that it has to be read again.
func (c *Cache) settle(tenant string, l *List) (*List, bool) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	arrived := c.loading[tenant]
	delete(c.loading, tenant)
	c.mu.Unlock()
	if arrived.doubted {
		return nil, false
	}
	for _, change := range arrived.changes {
		l = l.With(change)
	}
	c.install(tenant, held{list: l})
	// Whoever asks from now on may do so after a change that l does not have,
	// and must not join this load if l is put out of the cache.
	c.group.Forget(tenant)
	return l, true
}

// install makes h the tenant's list and evicts what exceeds the bounds.
func (c *Cache) install(tenant string, h held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.lists.Peek(tenant); ok {
		c.origins -= old.list.Len()
	} else if c.lists.Len() == c.bounds.Tenants {
		c.evictOldest()
	}
	c.lists.Add(tenant, h)
	c.origins += h.list.Len()
	for c.origins > c.bounds.Origins && c.lists.Len() > 1 {
		c.evictOldest()
	}
}

func (c *Cache) evictOldest() {
	_, old, _ := c.lists.RemoveOldest()
	c.origins -= old.list.Len()
	c.evictions.Add(1)
}

// Apply brings a committed change into the tenant's list, if that is cached or
// being loaded. When it returns, every later List contains the change.
func (c *Cache) Apply(change Change) {
	c.apply(change)
	c.tell(change.Tenant)
}

func (c *Cache) tell(tenant string) {
	if c.Changed != nil {
		c.Changed(tenant)
	}
}

func (c *Cache) apply(change Change) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	c.loading[change.Tenant].add(change)
	h, ok := c.lists.Peek(change.Tenant)
	c.mu.Unlock()
	if !ok {
		return
	}
	h.list = h.list.With(change)
	// Read anew, the list needs to remember no deletion.
	h.doubted = h.doubted || h.list.deleted > maxDeleted
	c.install(change.Tenant, h)
}

func (a *arrivals) add(change Change) {
	switch {
	case a == nil:
	case len(a.changes) == maxArrivals:
		a.changes, a.doubted = nil, true
	default:
		a.changes = append(a.changes, change)
	}
}

// Doubt says that the tenant's list may be behind, as after a write of which
// nobody knows whether it happened. The list is read anew at the next List,
// beside the requests that it goes on to serve until it could be read.
func (c *Cache) Doubt(tenant string) {
	c.doubt(tenant)
	c.tell(tenant)
}

// Doubted reports whether the tenant's list is served until it could be read
// anew.
func (c *Cache) Doubted(tenant string) bool {
	h, _ := c.peek(tenant)
	return h.doubted
}

func (c *Cache) doubt(tenant string) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.loading[tenant]; a != nil {
		a.doubted = true
	}
	if h, ok := c.lists.Peek(tenant); ok {
		h.doubted = true
		c.lists.Add(tenant, h)
	}
}

// Stats are a cache's sizes now and its counts since it was made.
type Stats struct {
	Tenants, Origins        int
	Hits, Misses, Evictions uint64
	Loads, FailedLoads      uint64
}

// Stats returns the cache's figures.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	tenants, origins := c.lists.Len(), c.origins
	c.mu.Unlock()
	return Stats{
		Tenants: tenants, Origins: origins,
		Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load(),
		Loads: c.loaded.Load(), FailedLoads: c.failures.Load(),
	}
}
