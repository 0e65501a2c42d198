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

// timeout is that of every call of a store. A minute is longer than a cache
// may need for anything.
const (
	timeout  = 2 * time.Second
	patience = time.Minute
)

var errDown = errors.New("the store is down")

// engine opens a new SQLite file until the test ends.
func engine(t testing.TB) store.Store {
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

// hooked is a store as one gateway sees it. Another one can be put in its
// place, and where there is a hook it is asked first.
type hooked struct {
	mu sync.Mutex
	store.Store
	// fail is told the name of a call and the tenant of a Load.
	fail func(ctx context.Context, call, tenant string) error
	// watch stands for the Watch of the store.
	watch func(s store.Store, ctx context.Context, after uint64, changed func([]origins.Change)) error
	// accepted is when the store was accepted, or nil.
	accepted func()
	// preload stands for the Load of the tenant inAdvance.
	preload func(ctx context.Context) error
	calls   []string // of Tenants, Load and Watch, with what
}

// set changes the hooks.
func (h *hooked) set(change func(*hooked)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

func (h *hooked) enter(ctx context.Context, call, tenant string) (store.Store, error) {
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

// takeCalls returns the calls since it was called last.
func (h *hooked) takeCalls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = nil
	slices.Sort(calls)
	return calls
}

// inAdvance is a tenant whose list is loaded as soon as the store is reached.
const inAdvance = "in advance"

// preloads has the list of inAdvance loaded by load.
func (g *gateway) preloads(load func(context.Context) error) {
	g.Configure(func(config *lists.Config) { config.Tenants = func() []string { return []string{inAdvance} } })
	g.hooked.preload = load
}

func (h *hooked) Load(ctx context.Context, tenant string) (uint64, []store.WebIntegration, error) {
	if tenant == inAdvance {
		if err := h.preload(ctx); err != nil {
			return 0, nil, err
		}
		return h.Store.Load(ctx, tenant)
	}
	s, err := h.enter(ctx, "Load", tenant)
	if err != nil {
		return 0, nil, err
	}
	return s.Load(ctx, tenant)
}

func (h *hooked) Position(ctx context.Context) (store.Position, error) {
	s, err := h.enter(ctx, "Position", "")
	if err != nil {
		return store.Position{}, err
	}
	return s.Position(ctx)
}

func (h *hooked) Tenants(ctx context.Context) (store.Position, map[string]uint64, error) {
	s, err := h.enter(ctx, "Tenants", "")
	if err != nil {
		return store.Position{}, nil, err
	}
	return s.Tenants(ctx)
}

func (h *hooked) Accept(ctx context.Context) (store.Position, error) {
	s, err := h.enter(ctx, "Accept", "")
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

func (h *hooked) Watch(ctx context.Context, after uint64, changed func([]origins.Change)) error {
	s, err := h.enter(ctx, "Watch", "")
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

// down makes every call fail.
func (h *hooked) down() {
	h.set(func(h *hooked) { h.fail = func(context.Context, string, string) error { return errDown } })
}

func (h *hooked) up() { h.set(func(h *hooked) { h.fail = nil }) }

// gateway is a process that follows a store.
type gateway struct {
	t testing.TB
	*lists.Cache
	hooked *hooked
	stop   func() // ends Run and waits

	mu      sync.Mutex
	events  []lists.Event
	errs    []error // of the events
	changed []string
}

func newGateway(t testing.TB, s store.Store) *gateway {
	g := &gateway{t: t, hooked: &hooked{Store: s}}
	g.Cache = lists.New(lists.Config{
		Store: g.hooked, Bounds: lists.Bounds{Tenants: 100, Origins: 10_000_000}, Timeout: timeout, Report: g.record,
	})
	g.Subscribe(func(tenant string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.changed = append(g.changed, tenant)
	})
	return g
}

func (g *gateway) record(event lists.Event, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events, g.errs = append(g.events, event), append(g.errs, err)
}

// follow begins to follow, until the test ends or stop is called.
func (g *gateway) follow() *gateway {
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

func (g *gateway) reported() ([]lists.Event, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.events), errors.Join(g.errs...)
}

// takeChanged returns the tenants that were told, each once, since it was
// called last.
func (g *gateway) takeChanged() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed := g.changed
	g.changed = nil
	slices.Sort(changed)
	return slices.Compact(changed)
}

func (g *gateway) await(revision uint64) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	if err := g.Await(ctx, revision); err != nil {
		events, errs := g.reported()
		g.t.Fatalf("revision %d is not in force: %v; %+v; %q %v", revision, err, g.State(), events, errs)
	}
}

func (g *gateway) list(tenant string) *origins.List {
	g.t.Helper()
	l, err := g.List(g.t.Context(), tenant)
	if err != nil {
		g.t.Fatalf("List(%s): %v", tenant, err)
	}
	return l
}

func (g *gateway) wantListed(tenant string, listed ...string) {
	g.t.Helper()
	g.wantLists(tenant, true, listed...)
}

func (g *gateway) wantGone(tenant string, gone ...string) {
	g.t.Helper()
	g.wantLists(tenant, false, gone...)
}

func (g *gateway) wantLists(tenant string, want bool, all ...string) {
	g.t.Helper()
	l := g.list(tenant)
	for _, origin := range all {
		if l.Contains(origin) != want {
			g.t.Errorf("the list of %s at revision %d: that %s is listed is %t", tenant, l.Revision(), origin, !want)
		}
	}
}

func (g *gateway) wantEvents(want ...lists.Event) {
	g.t.Helper()
	if got, errs := g.reported(); !slices.Equal(got, want) {
		g.t.Errorf("reported: %q (%v), want %q", got, errs, want)
	}
}

func (g *gateway) wantCalls(want ...string) {
	g.t.Helper()
	if got := g.hooked.takeCalls(); !slices.Equal(got, want) {
		g.t.Errorf("calls of the store: %q, want %q", got, want)
	}
}

// entry is a web integration that is not yet created.
func entry(tenant string, listed ...string) store.WebIntegration {
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
