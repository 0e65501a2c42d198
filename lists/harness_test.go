package lists_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// timeout bounds every call of a store. awaitTimeout is longer than a cache may
// need to reach any revision.
const (
	timeout      = 2 * time.Second
	awaitTimeout = time.Minute
)

var errDown = errors.New("the store is down")

// openStore opens a new SQLite store and closes it when the test ends.
func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path:   filepath.Join(t.TempDir(), "lists.db"),
		Limits: store.Limits{Integrations: 10_000, Origins: 10_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// hookedStore is a store as one gateway sees it. The store behind it can be
// replaced, and hooks can make its calls fail.
type hookedStore struct {
	mu sync.Mutex
	store.Store
	// fail is called before each call with its name and the tenant of a Load;
	// the call returns its error.
	fail func(ctx context.Context, call, tenant string) error
	// watch replaces the store's Watch.
	watch func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error
	// accepted is called after Accept, unless it is nil.
	accepted func()
	// preload is called before the Load of preloadedTenant.
	preload func(ctx context.Context) error
	calls   []string // of Tenants, Load and Watch, with the tenant of a Load
}

// update changes the hooks.
func (h *hookedStore) update(change func(*hookedStore)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

func (h *hookedStore) beginCall(ctx context.Context, call, tenant string) (store.Store, error) {
	h.mu.Lock()
	s, fail := h.Store, h.fail
	switch call {
	case "Load":
		h.calls = append(h.calls, "Load "+tenant)
	case "Tenants", "Watch":
		h.calls = append(h.calls, call)
	}
	h.mu.Unlock()
	if fail != nil {
		return s, fail(ctx, call, tenant)
	}
	return s, nil
}

// takeCalls returns the calls since it was last called.
func (h *hookedStore) takeCalls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = nil
	slices.Sort(calls)
	return calls
}

// preloadedTenant is a tenant whose list is loaded as soon as the store is reached.
const preloadedTenant = "in advance"

// preloadWith makes the gateway preload the list of preloadedTenant by load.
func (g *gateway) preloadWith(load func(context.Context) error) {
	g.Configure(func(config *lists.Config) { config.Tenants = func() []string { return []string{preloadedTenant} } })
	g.store.preload = load
}

func (h *hookedStore) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	if tenant == preloadedTenant {
		if err := h.preload(ctx); err != nil {
			return 0, nil, err
		}
		return h.Store.Load(ctx, tenant)
	}
	s, err := h.beginCall(ctx, "Load", tenant)
	if err != nil {
		return 0, nil, err
	}
	return s.Load(ctx, tenant)
}

func (h *hookedStore) Position(ctx context.Context) (store.Position, error) {
	s, err := h.beginCall(ctx, "Position", "")
	if err != nil {
		return store.Position{}, err
	}
	return s.Position(ctx)
}

func (h *hookedStore) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	s, err := h.beginCall(ctx, "Tenants", "")
	if err != nil {
		return store.Position{}, nil, err
	}
	return s.Tenants(ctx)
}

func (h *hookedStore) Accept(ctx context.Context) (store.Position, error) {
	s, err := h.beginCall(ctx, "Accept", "")
	if err != nil {
		return store.Position{}, err
	}
	at, err := s.Accept(ctx)
	h.mu.Lock()
	accepted := h.accepted
	h.mu.Unlock()
	if accepted != nil {
		accepted()
	}
	return at, err
}

func (h *hookedStore) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	s, err := h.beginCall(ctx, "Watch", "")
	if err != nil {
		return err
	}
	h.mu.Lock()
	watch := h.watch
	h.mu.Unlock()
	if watch != nil {
		return watch(s, ctx, after, changed)
	}
	return s.Watch(ctx, after, changed)
}

// setDown makes every call fail.
func (h *hookedStore) setDown() {
	h.update(func(h *hookedStore) { h.fail = func(context.Context, string, string) error { return errDown } })
}

func (h *hookedStore) setUp() { h.update(func(h *hookedStore) { h.fail = nil }) }

// gateway is a cache that follows a store as a process does.
type gateway struct {
	t testing.TB
	*lists.Cache
	store *hookedStore
	stop  func() // ends Run and waits

	mu       sync.Mutex
	events   []lists.Event
	errs     []error // of the events
	notified []string
}

func newGateway(t testing.TB, s store.Store) *gateway {
	g := &gateway{t: t, store: &hookedStore{Store: s}}
	g.Cache = lists.New(lists.Config{
		Store: g.store, Bounds: lists.Bounds{Tenants: 100, Origins: 10_000_000}, Timeout: timeout, Report: g.record,
	})
	g.Subscribe(func(tenant string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.notified = append(g.notified, tenant)
	})
	return g
}

func (g *gateway) record(event lists.Event, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events, g.errs = append(g.events, event), append(g.errs, err)
}

// start runs the cache until the test ends or stop is called.
func (g *gateway) start() *gateway {
	ctx, cancel := context.WithCancel(g.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	g.stop = func() {
		cancel()
		<-done
	}
	g.t.Cleanup(g.stop)
	return g
}

func (g *gateway) reportedEvents() ([]lists.Event, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.events), errors.Join(g.errs...)
}

// takeNotified returns the tenants of the notifications since it was last
// called, each once.
func (g *gateway) takeNotified() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed := g.notified
	g.notified = nil
	slices.Sort(changed)
	return slices.Compact(changed)
}

func (g *gateway) await(revision uint64) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), awaitTimeout)
	defer cancel()
	if err := g.Await(ctx, revision); err != nil {
		events, errs := g.reportedEvents()
		g.t.Fatalf("revision %d is not in force: %v; state %+v, events %q, errors %v", revision, err, g.State(), events, errs)
	}
}

func (g *gateway) mustList(tenant string) *origins.List {
	g.t.Helper()
	l, err := g.List(g.t.Context(), tenant)
	if err != nil {
		g.t.Fatalf("List(%s): %v", tenant, err)
	}
	return l
}

func (g *gateway) wantListed(tenant string, listed ...string) {
	g.t.Helper()
	g.checkListed(tenant, true, listed...)
}

func (g *gateway) wantNotListed(tenant string, unlisted ...string) {
	g.t.Helper()
	g.checkListed(tenant, false, unlisted...)
}

func (g *gateway) checkListed(tenant string, want bool, all ...string) {
	g.t.Helper()
	l := g.mustList(tenant)
	for _, origin := range all {
		if l.Contains(origin) != want {
			g.t.Errorf("the list of %s at revision %d: %s listed %t, want %t", tenant, l.Revision(), origin, !want, want)
		}
	}
}

func (g *gateway) wantEvents(want ...lists.Event) {
	g.t.Helper()
	if got, errs := g.reportedEvents(); !slices.Equal(got, want) {
		g.t.Errorf("reported events %q (%v), want %q", got, errs, want)
	}
}

func (g *gateway) wantCalls(want ...string) {
	g.t.Helper()
	if got := g.store.takeCalls(); !slices.Equal(got, want) {
		g.t.Errorf("store calls %q, want %q", got, want)
	}
}

// newIntegration returns a web integration that is not yet created.
func newIntegration(tenant string, listed ...string) store.WebIntegration {
	now := time.Unix(1_700_000_000, 0).UTC()
	return store.WebIntegration{ID: store.NewID(), TenantID: tenant, Name: "one", Created: now, LastUpdated: now, ValidOrigins: listed}
}

func create(t testing.TB, s store.Store, w store.WebIntegration) store.WebIntegration {
	t.Helper()
	w, err := s.Create(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func edit(t testing.TB, s store.Store, w store.WebIntegration, listed ...string) store.WebIntegration {
	t.Helper()
	w, err := s.Edit(t.Context(), w.TenantID, w.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = listed
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func remove(t testing.TB, s store.Store, w store.WebIntegration) uint64 {
	t.Helper()
	revision, err := s.Delete(t.Context(), w.TenantID, w.ID, func(store.WebIntegration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return revision
}
