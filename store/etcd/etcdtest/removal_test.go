package etcdtest_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// maxRemovals is the number of removals that can be made before they are written back.
const maxRemovals = 32

// startSmallCluster starts a cluster with a small quota.
func startSmallCluster(t *testing.T) *etcdtest.Cluster {
	t.Helper()
	return etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 16 << 20 }
	})
}

// openStoreWithPool opens a store, and creates the pool of keys for removals.
func openStoreWithPool(t *testing.T, o etcd.Options) *etcd.Store {
	t.Helper()
	s := openStore(t, o)
	if _, err := s.Position(withTimeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckWrites(withTimeout(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

const otherPrefix = "/others/"

// fillCluster writes other keys until etcd raises the NOSPACE alarm.
func fillCluster(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	client := newClient(t, c)
	for i := range 1000 {
		_, err := client.Put(withTimeout(t, 10*time.Second), fmt.Sprint(otherPrefix, i), strings.Repeat("x", 1<<20))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the cluster did not become full")
}

// removeOrigins returns an edit that removes these origins.
func removeOrigins(origins ...string) func(*store.WebIntegration) error {
	return func(w *store.WebIntegration) error {
		w.ValidOrigins = slices.DeleteFunc(w.ValidOrigins, func(o string) bool { return slices.Contains(origins, o) })
		w.LastUpdated = w.LastUpdated.Add(time.Second)
		return nil
	}
}

// TestStore_RemovesOriginsUnderAlarm checks what another gateway and its feed see of
// removals.
func TestStore_RemovesOriginsUnderAlarm(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	s, other := openStoreWithPool(t, o), openStore(t, o)
	a := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example", "https://a.example", "https://c.example"))
	b := create(t, s, newIntegration("acme", "b", "https://a.example"))
	var origins []string
	for i := range maxRemovals + 2 {
		origins = append(origins, fmt.Sprintf("https://%d.example", i))
	}
	g := create(t, s, newIntegration("globex", "g", origins...))
	fillCluster(t, c)
	ctx := withTimeout(t, time.Minute)
	before, err := other.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	feed := watch(t, other, before.Revision)

	edited, err := s.Edit(ctx, "acme", a.ID, removeOrigins("https://a.example"))
	if want := []string{"https://b.example", "https://c.example"}; err != nil || !slices.Equal(edited.ValidOrigins, want) {
		t.Fatalf("Edit = %q, %v; want %q", edited.ValidOrigins, err, want)
	}
	if err := feed.end(t); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("Watch ended with %v, want ErrFeedGap", err)
	}
	seen, err := other.Integration(ctx, "acme", a.ID)
	if err != nil || !reflect.DeepEqual(seen, edited) {
		t.Errorf("Integration of another gateway = %+v, %v; want %+v", seen, err, edited)
	}
	at, tenants, err := other.Tenants(ctx)
	if err != nil || at.Revision != edited.Revision || at.Revision <= before.Revision || tenants["acme"] != at.Revision || tenants["globex"] != at.Revision {
		t.Errorf("after revisions %d and %d, Tenants = %v, %v, %v", before.Revision, edited.Revision, at, tenants, err)
	}
	feed = watch(t, other, at.Revision)

	deleted, err := other.Delete(ctx, "acme", b.ID, allowed)
	if err != nil || deleted <= edited.Revision {
		t.Errorf("Delete = %d, %v; want more than %d", deleted, err, edited.Revision)
	}
	if err := feed.end(t); !errors.Is(err, store.ErrFeedGap) {
		t.Errorf("the next Watch ended with %v, want ErrFeedGap", err)
	}
	if _, err := s.Delete(ctx, "acme", b.ID, allowed); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second Delete: error %v, want ErrNotFound", err)
	}
	revision, all, err := s.Load(ctx, "acme")
	if err != nil || revision != deleted || len(all) != 1 || !slices.Equal(all[0].ValidOrigins, edited.ValidOrigins) {
		t.Errorf("Load = %d, %+v, %v", revision, all, err)
	}
	for name, edit := range map[string]func(*store.WebIntegration) error{
		"added origin":     addOrigin("https://d.example"),
		"new name":         func(w *store.WebIntegration) error { w.Name = "z"; return nil },
		"replaced origins": func(w *store.WebIntegration) error { w.ValidOrigins = []string{"https://d.example"}; return nil },
		"new order":        func(w *store.WebIntegration) error { slices.Reverse(w.ValidOrigins); return nil },
	} {
		if _, err := s.Edit(ctx, "acme", a.ID, edit); err == nil {
			t.Errorf("%s: Edit returned no error", name)
		} else {
			wantNoSpace(t, err)
		}
	}
	_, err = s.Edit(ctx, "globex", g.ID, removeOrigins(origins[1:]...))
	wantNoSpace(t, err)
	_, err = s.Create(ctx, newIntegration("acme", "new"))
	wantNoSpace(t, err)
	if at, err := s.Position(ctx); err != nil || at.Revision != deleted {
		t.Errorf("after refused writes, Position = %v, %v; want revision %d", at, err, deleted)
	}

	makeSpace(t, c, otherPrefix)
	made := create(t, s, newIntegration("acme", "new"))
	if made.Revision <= deleted {
		t.Errorf("the next write has revision %d, after %d", made.Revision, deleted)
	}
	wantWrittenBack(t, c, o)
	written, err := other.Integration(ctx, "acme", a.ID)
	edited.Revision = written.Revision
	if err != nil || !reflect.DeepEqual(written, edited) || written.Revision >= made.Revision {
		t.Errorf("after the write-back: %+v, %v; want %+v", written, err, edited)
	}
}

// wantWrittenBack checks that no removal is left, and that the pool is complete.
func wantWrittenBack(t *testing.T, c *etcdtest.Cluster, o etcd.Options) {
	t.Helper()
	got, err := newClient(t, c).Get(withTimeout(t, 10*time.Second), key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || got.Count != 2+maxRemovals*65 {
		t.Errorf("the pool has %d keys, %v; want %d", got.Count, err, 2+maxRemovals*65)
	}
	wantConsistent(t, c, o)
}

// TestStore_BehavesUnderAlarmAsWithSpace compares a store during and after the alarm
// with one that gets the same writes and always has space.
func TestStore_BehavesUnderAlarmAsWithSpace(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	c := startSmallCluster(t)
	o, reference := newOptions(c), newOptions(etcdtest.StartCluster(t, 1, nil))
	pair := storePair{T: t, random: r, limited: []*etcd.Store{openStoreWithPool(t, o), openStore(t, o)}, reference: openStore(t, reference)}
	for i := range 12 {
		pair.create(i)
	}
	for range 3 {
		fillCluster(t, c)
		for range 6 {
			pair.remove()
			pair.compare()
		}
		makeSpace(t, c, otherPrefix)
		pair.writeBackInterrupted(o)
		wantWrittenBack(t, c, o)
		pair.create(100)
		pair.compare()
		wantWrittenBack(t, c, o)
	}
}

// storePair is two stores that get the same writes: limited, used by several gateways in
// a full cluster, and reference, which has space.
type storePair struct {
	*testing.T
	random    *rand.Rand
	limited   []*etcd.Store
	reference *etcd.Store
	ids       []string
	last      uint64 // the revision of the last write
}

func (p *storePair) tenant(id string) string { return fmt.Sprint(id[0] % 2) }

// create creates a web integration with duplicate origins, and with a name that others
// have.
func (p *storePair) create(i int) {
	var origins []string
	for range p.random.IntN(8) {
		origins = append(origins, fmt.Sprintf("https://%d.example", p.random.IntN(6)))
	}
	w := newIntegration("", fmt.Sprint("name", i/3), origins...)
	w.TenantID = p.tenant(w.ID)
	create(p, p.reference, w)
	p.ids = append(p.ids, w.ID)
	if p.random.IntN(2) == 0 {
		p.last = create(p, p.limited[0], w).Revision
		return
	}
	batch(p.T, p.limited[0], []store.Write{{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }}})
	at, err := p.limited[0].Position(withTimeout(p.T, time.Minute))
	if err != nil || at.Revision <= p.last {
		p.Errorf("after revision %d, the batch is at %v, %v", p.last, at, err)
	}
	p.last = at.Revision
}

// remove deletes a web integration, or removes some of its origins.
func (p *storePair) remove() {
	p.Helper()
	s := p.limited[p.random.IntN(len(p.limited))]
	id := p.ids[p.random.IntN(len(p.ids))]
	ctx := withTimeout(p.T, time.Minute)
	if p.random.IntN(2) == 0 {
		_, want := p.reference.Delete(ctx, p.tenant(id), id, allowed)
		revision, err := s.Delete(ctx, p.tenant(id), id, allowed)
		p.wantOutcome("Delete", revision, err, want)
		return
	}
	edit := removeOrigins(fmt.Sprintf("https://%d.example", p.random.IntN(6)), fmt.Sprintf("https://%d.example", p.random.IntN(6)))
	ifLess := func(w *store.WebIntegration) error {
		before := len(w.ValidOrigins)
		if err := edit(w); err != nil || len(w.ValidOrigins) < before {
			return err
		}
		return store.ErrUnchanged
	}
	original, _ := s.Integration(ctx, p.tenant(id), id)
	want, wantErr := p.reference.Edit(ctx, p.tenant(id), id, ifLess)
	got, err := s.Edit(ctx, p.tenant(id), id, ifLess)
	if !slices.Equal(got.ValidOrigins, want.ValidOrigins) {
		p.Errorf("Edit = %q, want %q", got.ValidOrigins, want.ValidOrigins)
	}
	if len(got.ValidOrigins) < len(original.ValidOrigins) {
		p.wantOutcome("Edit", got.Revision, err, wantErr)
	}
}

// writeBackInterrupted writes back with short timeouts, until it is complete. The
// gateway that does it can make no write of its own, because of its limits.
func (p *storePair) writeBackInterrupted(o etcd.Options) {
	p.Helper()
	o.Limits = store.Limits{Integrations: 1, Origins: 1}
	s := openStore(p, o)
	var limited *store.LimitError
	for round := 0; limited == nil; round++ {
		ctx := withTimeout(p.T, time.Duration(p.random.IntN(5*(round+1)))*time.Millisecond)
		_, err := s.Create(ctx, newIntegration(p.tenant(p.ids[0]), "too many"))
		at, readErr := s.Position(withTimeout(p.T, time.Minute))
		if err == nil || readErr != nil || at.Revision < p.last {
			p.Fatalf("Create: %v; Position = %v, %v after revision %d", err, at, readErr, p.last)
		}
		p.last = at.Revision
		errors.As(err, &limited)
		p.compare()
	}
}

// wantOutcome checks that the error is that of the reference, and that revisions
// increase.
func (p *storePair) wantOutcome(what string, revision uint64, err, want error) {
	p.Helper()
	if !errors.Is(err, want) || err == nil && revision <= p.last {
		p.Errorf("%s = %d, %v after revision %d; want %v", what, revision, err, p.last, want)
	}
	if err == nil {
		p.last = revision
	}
}

// compare checks that all reads of the two stores return the same.
func (p *storePair) compare() {
	p.Helper()
	s := p.limited[p.random.IntN(len(p.limited))]
	if at, err := s.Position(withTimeout(p.T, time.Minute)); err != nil || at.Revision != p.last {
		p.Errorf("Position = %v, %v; want revision %d", at, err, p.last)
	}
	for _, tenant := range []string{"0", "1"} {
		got, want := p.read(s, tenant), p.read(p.reference, tenant)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				p.Fatalf("tenant %s, read %d:\n got %+v\nwant %+v", tenant, i, got[i], want[i])
			}
		}
	}
}

// read returns the results of all reads, without revisions and the times of the last
// update.
func (p *storePair) read(s *etcd.Store, tenant string) (all []any) {
	ctx := withTimeout(p.T, time.Minute)
	_, list, err := s.Load(ctx, tenant)
	slices.SortFunc(list, func(a, b store.WebIntegration) int { return cmp.Compare(a.ID, b.ID) })
	all = append(all, formatIntegrations(list), err)
	for _, id := range p.ids {
		w, err := s.Integration(ctx, tenant, id)
		all = append(all, formatIntegrations([]store.WebIntegration{w}), errors.Is(err, store.ErrNotFound))
		for _, q := range []store.Query{{After: id, Limit: 3}, {Before: id, Limit: 3, Descending: true}, {Limit: 4, Bytes: 60}} {
			page, err := s.Page(ctx, tenant, q)
			all = append(all, formatIntegrations(page.Integrations), page.HasNext, page.HasPrev, errors.Is(err, store.ErrUnknownCursor))
		}
	}
	return all
}

func formatIntegrations(all []store.WebIntegration) string {
	var text strings.Builder
	for _, w := range all {
		fmt.Fprintln(&text, w.ID, w.TenantID, w.Name, w.CreatedBy, w.Created.Unix(), strings.Join(w.ValidOrigins, " "))
	}
	return text.String()
}

// TestStore_RefusesMoreRemovalsThanPoolAllows makes concurrent removals through several
// gateways, more than the pool allows.
func TestStore_RefusesMoreRemovalsThanPoolAllows(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	gateways := []*etcd.Store{openStoreWithPool(t, o), openStore(t, o), openStore(t, o)}
	var all []store.WebIntegration
	for i := range maxRemovals + 4 {
		all = append(all, create(t, gateways[0], newIntegration(fmt.Sprint(i%5), "one", "https://a.example", "https://b.example")))
	}
	fillCluster(t, c)
	var mu sync.Mutex
	var made []uint64
	gone := map[string]bool{}
	var workers sync.WaitGroup
	for i, w := range all {
		workers.Go(func() {
			revision, err := gateways[i%3].Delete(withTimeout(t, time.Minute), w.TenantID, w.ID, allowed)
			if err != nil {
				wantNoSpace(t, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			made, gone[w.ID] = append(made, revision), true
		})
	}
	workers.Wait()
	slices.Sort(made)
	if len(made) != maxRemovals || len(slices.Compact(slices.Clone(made))) != len(made) {
		t.Errorf("%d removals were made, at revisions %d; want %d different ones", len(made), made, maxRemovals)
	}
	for _, w := range all {
		_, err := gateways[0].Integration(withTimeout(t, time.Minute), w.TenantID, w.ID)
		if errors.Is(err, store.ErrNotFound) != gone[w.ID] || err != nil && !gone[w.ID] {
			t.Errorf("Integration of %s (deleted: %t): %v", w.ID, gone[w.ID], err)
		}
	}
	makeSpace(t, c, otherPrefix)
	for i, w := range all { // all gateways write back concurrently
		workers.Go(func() {
			_, err := gateways[i%3].Edit(withTimeout(t, time.Minute), w.TenantID, w.ID, addOrigin("https://c.example"))
			if errors.Is(err, store.ErrNotFound) != gone[w.ID] || err != nil && !gone[w.ID] {
				t.Errorf("Edit of %s (deleted: %t): %v", w.ID, gone[w.ID], err)
			}
		})
	}
	workers.Wait()
	wantWrittenBack(t, c, o)
}

// TestStore_EditKeepsConcurrentRevocation makes an edit that begins before a removal
// under the alarm, and is committed when there is space again.
func TestStore_EditKeepsConcurrentRevocation(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	s, other := openStoreWithPool(t, o), openStore(t, o)
	w := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example"))
	calls := 0
	got, err := s.Edit(withTimeout(t, time.Minute), "acme", w.ID, func(w *store.WebIntegration) error {
		if calls++; calls == 1 {
			fillCluster(t, c)
			if _, err := other.Edit(withTimeout(t, time.Minute), "acme", w.ID, removeOrigins("https://a.example")); err != nil {
				t.Error(err)
			}
			makeSpace(t, c, otherPrefix)
		}
		return addOrigin("https://c.example")(w)
	})
	if want := []string{"https://b.example", "https://c.example"}; err != nil || !slices.Equal(got.ValidOrigins, want) {
		t.Errorf("Edit = %q, %v; want %q", got.ValidOrigins, err, want)
	}
	wantWrittenBack(t, c, o)
}

// TestStore_RemovesOnceWhenResponseIsLost closes the connections after a removal was
// made, before its response arrives.
func TestStore_RemovesOnceWhenResponseIsLost(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	s, o, r := openThroughRelay(t, c)
	openStoreWithPool(t, o)
	a := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example", "https://c.example"))
	b := create(t, s, newIntegration("acme", "b"))
	fillCluster(t, c)
	disturb := func() {
		ctx := withTimeout(t, time.Minute)
		news := newClient(t, c).Watch(ctx, key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-news
		r.delay.Store(int64(100 * time.Millisecond))
		go func() {
			<-news
			r.disconnect()
			r.delay.Store(0)
		}()
	}
	before, err := s.Position(withTimeout(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	disturb()
	edited, err := s.Edit(withTimeout(t, time.Minute), "acme", a.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = w.ValidOrigins[2:] // a second removal would leave none
		return nil
	})
	if err != nil || len(edited.ValidOrigins) != 1 || edited.Revision != before.Revision+2 {
		t.Errorf("after revision %d, Edit = %v, %v", before.Revision, edited, err)
	}
	disturb()
	if revision, err := s.Delete(withTimeout(t, time.Minute), "acme", b.ID, allowed); err != nil || revision != before.Revision+3 {
		t.Errorf("after revision %d, Delete = %d, %v", before.Revision, revision, err)
	}
	if _, err := newClient(t, c).Delete(withTimeout(t, time.Minute), key(o, "i/acme/"+a.ID)); err != nil {
		t.Fatal(err)
	}
	if _, all, err := s.Load(withTimeout(t, time.Minute), "acme"); err == nil {
		t.Errorf("after the deletion of a key by another program, Load = %v, want an error", all)
	}
}

// TestStore_EndsFeedsWhenRemovalsAreWrittenBack resumes feeds from before the
// write-back. They must end with ErrFeedGap.
func TestStore_EndsFeedsWhenRemovalsAreWrittenBack(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	s := openStoreWithPool(t, o)
	w := create(t, s, newIntegration("acme", "a", "https://a.example", "https://b.example"))
	fillCluster(t, c)
	edited, err := s.Edit(withTimeout(t, time.Minute), "acme", w.ID, removeOrigins("https://a.example"))
	if err != nil {
		t.Fatal(err)
	}
	raiseQuota(t, c)
	during := watch(t, s, edited.Revision)
	made := create(t, s, newIntegration("acme", "b"))
	for _, feed := range []*watcher{during, watch(t, s, w.Revision), watch(t, s, edited.Revision)} {
		if err := feed.end(t); !errors.Is(err, store.ErrFeedGap) {
			t.Errorf("Watch from before the write-back ended with %v, want ErrFeedGap", err)
		}
		if len(feed.changes) > 0 {
			t.Errorf("Watch received %+v", <-feed.changes)
		}
	}
	at, tenants, err := s.Tenants(withTimeout(t, time.Minute))
	if err != nil || at.Revision != made.Revision || tenants["acme"] != made.Revision {
		t.Errorf("after revision %d, Tenants = %v, %v, %v", made.Revision, at, tenants, err)
	}
	feed := watch(t, s, at.Revision)
	next := create(t, s, newIntegration("acme", "c"))
	if c := feed.next(t); c.ID != next.ID || c.Revision != next.Revision {
		t.Errorf("the feed has %+v, want revision %d", c, next.Revision)
	}
}

// raiseQuota clears the alarm without a compaction.
func raiseQuota(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	c.Stop()
	c.Members[0].Adjust = nil
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, c).AlarmDisarm(withTimeout(t, 10*time.Second), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
}

// TestStore_RemovesAfterConcurrentWrite makes ordinary writes between the read and the
// transaction of a removal.
func TestStore_RemovesAfterConcurrentWrite(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	o := newOptions(c)
	s, other := openStoreWithPool(t, o), openStore(t, o)
	w := create(t, s, newIntegration("acme", "a"))
	fillCluster(t, c)
	calls := 0
	var made store.WebIntegration
	deleted, err := s.Delete(withTimeout(t, time.Minute), "acme", w.ID, func(store.WebIntegration) error {
		if calls++; calls == 1 {
			makeSpace(t, c, otherPrefix)
			for range 3 {
				made = create(t, other, newIntegration("globex", "b"))
			}
			fillCluster(t, c)
		}
		return nil
	})
	if err != nil || deleted <= made.Revision {
		t.Errorf("after revision %d, Delete = %d, %v", made.Revision, deleted, err)
	}
}

// TestStore_DelayedRequestsKeepRevocations delays the requests of a gateway that creates
// the pool, and then those of one that writes back, while origins are removed.
func TestStore_DelayedRequestsKeepRevocations(t *testing.T) {
	t.Parallel()
	c := startSmallCluster(t)
	late, o, r := openThroughRelay(t, c)
	direct := o
	direct.Endpoints = c.Endpoints()
	s := openStore(t, direct)
	var all []store.WebIntegration
	for i := range 12 {
		all = append(all, create(t, s, newIntegration("acme", fmt.Sprint(i), "https://a.example", "https://b.example")))
	}
	remove := func(some []store.WebIntegration) {
		fillCluster(t, c)
		for _, w := range some {
			if _, err := s.Edit(withTimeout(t, time.Minute), "acme", w.ID, removeOrigins("https://a.example")); err != nil {
				t.Error(err)
			}
		}
		makeSpace(t, c, otherPrefix)
	}
	// duringCall runs do after the first request of call that puts keys of the pool.
	duringCall := func(do func(), call func() error) {
		news := newClient(t, c).Watch(withTimeout(t, time.Minute), key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-news
		r.delay.Store(int64(20 * time.Millisecond))
		ended := make(chan error)
		go func() { ended <- call() }()
		<-news
		r.hold.Lock()
		do()
		r.hold.Unlock()
		r.delay.Store(0)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	duringCall(func() {
		if err := s.CheckWrites(withTimeout(t, time.Minute)); err != nil {
			t.Error(err)
		}
		remove(all[:8])
	}, func() error { return late.CheckWrites(withTimeout(t, time.Minute)) })
	wantWithout := func(some []store.WebIntegration) {
		t.Helper()
		for _, w := range some {
			if got, err := s.Integration(withTimeout(t, time.Minute), "acme", w.ID); err != nil || len(got.ValidOrigins) != 1 {
				t.Errorf("%s has the origins %q, %v; want one", w.Name, got.ValidOrigins, err)
			}
		}
	}
	wantWithout(all[:8])
	duringCall(func() { remove(all[8:]) }, func() error {
		_, err := late.Create(withTimeout(t, time.Minute), newIntegration("acme", "late"))
		return err
	})
	wantWithout(all)
	wantWrittenBack(t, c, o)
}
