package lists

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"originwarden/origins"
	"originwarden/store"
)

// ErrUnavailable is wrapped by Cache.List when no list could be read.
var ErrUnavailable = errors.New("list unavailable")

// Store is the part of a store.Store that a Cache needs.
type Store interface {
	Load(ctx context.Context, tenant string) (revision uint64, all []store.WebIntegration, err error)
	Position(ctx context.Context) (store.Position, error)
	Tenants(ctx context.Context) (store.Position, map[string]uint64, error)
	Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error
	Accept(ctx context.Context) (store.Position, error)
}

// Bounds limit a Cache. Both are positive.
type Bounds struct {
	Tenants int // lists
	Origins int // origins over all lists; one list alone may exceed it
}

// Config configures a Cache.
type Config struct {
	Store  Store
	Bounds Bounds
	// Timeout ends each call of the store, and is how long the feed may lag.
	Timeout time.Duration
	// MaxStaleness is how long a list may be unconfirmed before List returns
	// origins.StaleList in its place. 0 means no limit.
	MaxStaleness time.Duration
	// Revalidate is how often the cached lists are compared with the store, in
	// case the feed has missed a change. 0 means never.
	Revalidate time.Duration
	// AcceptReset accepts a store that was reset, as Accept does.
	AcceptReset bool
	// Tenants returns the tenants whose lists are loaded once the store is reached,
	// as far as Bounds allow, and for which the subscribers are called while lists
	// are stale. It may be nil.
	Tenants func() []string
	// Disk, if there is one, keeps the lists while Run runs, for Restore at the
	// next start.
	Disk Disk
	// Report, if not nil, is called with each event, from methods that call the
	// Store. It must not call those.
	Report func(Event, error)
}

// Cache holds the lists of the tenants used last, within its bounds. It may be
// used concurrently.
//
// Callers pass the ids of existing tenants only, never names from clients. Locks are
// taken in the order refreshing, changing, progress.mu, mu.
type Cache struct {
	config Config
	loads  singleflight.Group

	// changing is held while a changed list is built and installed, so that no
	// change is lost between the two.
	changing sync.Mutex

	mu      sync.Mutex // guards the fields from lists to invalid; held briefly, because requests wait for it
	lists   *simplelru.LRU[string, entry]
	origins int
	loading map[string]*pendingChanges
	failed  *simplelru.LRU[string, failedLoad]
	// invalid holds the tenants whose list may lack a change. The list is served
	// until Run or the next List has read it again.
	invalid map[string]struct{}

	confirmed  atomic.Pointer[time.Time] // of all lists
	generation atomic.Uint64             // how often a list was installed or dropped, so that the keeper knows of a change
	// epoch counts the stores that were accepted. It changes while changing and
	// progress are both held.
	epoch atomic.Uint64

	hits, misses, evictions, loaded, failures atomic.Uint64

	refreshing sync.Mutex    // one reads invalid lists at a time
	preloading chan struct{} // buffered; a value means that lists are loaded in batches
	progress   progress
	keeper     *keeper       // nil without a Disk
	retry      chan struct{} // buffered; a value makes Run retry at once
	refresh    chan struct{} // buffered; a value makes Run read invalid lists

	subscribing sync.Mutex
	subscribers atomic.Pointer[[]func(tenant string)]
}

// entry is a cached list.
type entry struct {
	list      *origins.List
	confirmed time.Time // when the list was read; Cache.confirmed may be later
}

// New returns an empty cache. It panics if a bound is not positive.
func New(config Config) *Cache {
	c := &Cache{
		config:     config,
		loading:    map[string]*pendingChanges{},
		invalid:    map[string]struct{}{},
		preloading: make(chan struct{}, 1),
		retry:      make(chan struct{}, 1),
		refresh:    make(chan struct{}, 1),
	}
	var err error
	if c.lists, err = simplelru.NewLRU[string, entry](config.Bounds.Tenants, nil); err != nil {
		panic("lists: Bounds.Tenants must be positive")
	}
	c.failed, _ = simplelru.NewLRU[string, failedLoad](config.Bounds.Tenants, nil)
	if config.Disk != nil {
		c.keeper = newKeeper(config.Disk, c)
	}
	return c
}

// List returns the tenant's list, and loads it if it is not cached. Concurrent
// calls share one load. The error wraps ErrUnavailable. After a failure, List fails
// for a second without a new attempt.
func (c *Cache) List(ctx context.Context, tenant string) (*origins.List, error) {
	c.mu.Lock()
	e, ok := c.lists.Get(tenant)
	_, invalid := c.invalid[tenant]
	c.mu.Unlock()
	if !ok {
		c.misses.Add(1)
		return c.awaitLoad(ctx, tenant)
	}
	c.hits.Add(1)
	stale := c.isStale(e)
	if (invalid || stale) && c.recentFailure(tenant) == nil {
		c.startLoad(ctx, tenant)
	}
	if stale {
		return origins.StaleList(), nil
	}
	return e.list, nil
}

func (c *Cache) isStale(e entry) bool {
	limit := c.config.MaxStaleness
	return limit > 0 && time.Since(c.confirmedAt(e)) > limit
}

// allStale reports whether every list is stale that was read before the last
// confirmation.
func (c *Cache) allStale() bool { return c.isStale(entry{}) }

// confirmedAt is when the entry's list was last known to be the store's.
func (c *Cache) confirmedAt(e entry) time.Time {
	if all := c.confirmed.Load(); all != nil && all.After(e.confirmed) {
		return *all
	}
	return e.confirmed
}

// Subscribe registers notify, which is called whenever a tenant's list may have
// changed: after a change, even of a list that is not cached, when a list became
// invalid or was read again, and every second while lists are stale. The first load
// of a list does not call it. A change waits until notify returns.
func (c *Cache) Subscribe(notify func(tenant string)) {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	var all []func(string)
	if before := c.subscribers.Load(); before != nil {
		all = append(all, *before...)
	}
	all = append(all, notify)
	c.subscribers.Store(&all)
}

func (c *Cache) notify(tenant string) {
	if all := c.subscribers.Load(); all != nil {
		for _, notify := range *all {
			notify(tenant)
		}
	}
}

// cachedTenants returns the tenants whose lists are cached, in no order.
func (c *Cache) cachedTenants() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists.Keys()
}

// peek returns the tenant's entry without counting as a use.
func (c *Cache) peek(tenant string) (e entry, cached, invalid bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, cached = c.lists.Peek(tenant)
	_, invalid = c.invalid[tenant]
	return e, cached, invalid
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
