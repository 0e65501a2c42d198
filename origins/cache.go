package origins

import (
	"context"
	"errors"
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
	// after every Apply, Doubt and Refresh, also when its list is not cached or
	// was loaded with the change before; when a doubted list was read anew; and
	// when Clear dropped its list. A load by a miss calls nobody: what it brings
	// is applied or compared later. Whoever changes a list waits for it.
	Changed func(tenant string)
	// MaxStaleness, if it is set before the cache is used, is how long a list
	// may be unconfirmed before it stands for nothing but ListStale. 0 is
	// forever.
	MaxStaleness time.Duration

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

	confirmed atomic.Pointer[time.Time] // of all lists, by Confirm
	installs  atomic.Uint64

	generation atomic.Uint64

	hits, misses, evictions, loaded, failures atomic.Uint64
}

// held is a cached list.
type held struct {
	list *List
	// confirmed is when it was the store's, whatever Confirm said since.
	confirmed time.Time
	// doubted says that it is served until it could be read anew.
	doubted bool
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
	stale := c.isStale(h)
	if (h.doubted || stale) && c.lately(tenant) == nil {
		c.start(ctx, tenant)
	}
	if stale {
		return staleList(), nil
	}
	return h.list, nil
}

func (c *Cache) isStale(h held) bool {
	return c.MaxStaleness > 0 && time.Since(c.confirmation(h)) > c.MaxStaleness
}

// Unconfirmed reports whether nobody has called Confirm for longer than
// MaxStaleness. A list that was put out would be stale then.
func (c *Cache) Unconfirmed() bool { return c.isStale(held{}) }

// confirmation is when h was known to be the store's.
func (c *Cache) confirmation(h held) time.Time {
	if all := c.confirmed.Load(); all != nil && all.After(h.confirmed) {
		return *all
	}
	return h.confirmed
}

// Installs counts what became the list of a tenant. While it stays the same, so
// does what Peek returns.
func (c *Cache) Installs() uint64 { return c.installs.Load() }

// Tenants returns those whose lists are cached, in no order.
func (c *Cache) Tenants() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists.Keys()
}

// Peek returns the tenant's list as it is cached, and when that was known to be
// the store's. It is no use of the list.
func (c *Cache) Peek(tenant string) (l *List, confirmed time.Time, ok bool) {
	h, ok := c.peek(tenant)
	if !ok {
		return nil, time.Time{}, false
	}
	return h.list, c.confirmation(h), true
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
