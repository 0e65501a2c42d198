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

// maxRemovals is the number of removals that can be made until they are written back.
const maxRemovals = 32

// startSmall starts a cluster that others can fill soon.
func startSmall(t *testing.T) *etcdtest.Cluster {
	t.Helper()
	return etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 16 << 20 }
	})
}

// openWithPool opens a store that was checked with space.
func openWithPool(t *testing.T, o etcd.Options) *etcd.Store {
	t.Helper()
	s := open(t, o)
	if _, err := s.Position(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckWrites(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

const others = "/others/"

// fillByOthers writes beside the store until etcd raises the alarm.
func fillByOthers(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	client := raw(t, c)
	for i := range 1000 {
		_, err := client.Put(within(t, 10*time.Second), fmt.Sprint(others, i), strings.Repeat("x", 1<<20))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the cluster is never full")
}

func removing(origins ...string) func(*store.WebIntegration) error {
	return func(w *store.WebIntegration) error {
		w.ValidOrigins = slices.DeleteFunc(w.ValidOrigins, func(o string) bool { return slices.Contains(origins, o) })
		w.LastUpdated = w.LastUpdated.Add(time.Second)
		return nil
	}
}

// TestStore_TakesOriginsAwayUnderTheAlarm follows what another gateway and its
// feed see.
func TestStore_TakesOriginsAwayUnderTheAlarm(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	o := optionsOf(c)
	s, other := openWithPool(t, o), open(t, o)
	a := create(t, s, entry("acme", "a", "https://a.example", "https://b.example", "https://a.example", "https://c.example"))
	b := create(t, s, entry("acme", "b", "https://a.example"))
	var origins []string
	for i := range maxRemovals + 2 {
		origins = append(origins, fmt.Sprintf("https://%d.example", i))
	}
	g := create(t, s, entry("globex", "g", origins...))
	fillByOthers(t, c)
	ctx := within(t, time.Minute)
	was, err := other.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	feed := watch(t, other, was.Revision)

	edited, err := s.Edit(ctx, "acme", a.ID, removing("https://a.example"))
	if want := []string{"https://b.example", "https://c.example"}; err != nil || !slices.Equal(edited.ValidOrigins, want) {
		t.Fatalf("Edit returns %q, %v", edited.ValidOrigins, err)
	}
	if err := feed.end(t); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("the feed ends with %v", err)
	}
	seen, err := other.Integration(ctx, "acme", a.ID)
	if err != nil || !reflect.DeepEqual(seen, edited) {
		t.Errorf("another gateway reads %+v, %v; want %+v", seen, err, edited)
	}
	at, tenants, err := other.Tenants(ctx)
	if err != nil || at.Revision != edited.Revision || at.Revision <= was.Revision || tenants["acme"] != at.Revision || tenants["globex"] != at.Revision {
		t.Errorf("after %d and %d, Tenants returns %v, %v, %v", was.Revision, edited.Revision, at, tenants, err)
	}
	feed = watch(t, other, at.Revision)

	deleted, err := other.Delete(ctx, "acme", b.ID, allowed)
	if err != nil || deleted <= edited.Revision {
		t.Errorf("Delete returns %d, %v", deleted, err)
	}
	if err := feed.end(t); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("the next feed ends with %v", err)
	}
	if _, err := s.Delete(ctx, "acme", b.ID, allowed); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the second Delete: %v", err)
	}
	revision, all, err := s.Load(ctx, "acme")
	if err != nil || revision != deleted || len(all) != 1 || !slices.Equal(all[0].ValidOrigins, edited.ValidOrigins) {
		t.Errorf("Load returns %d, %+v, %v", revision, all, err)
	}
	for name, edit := range map[string]func(*store.WebIntegration) error{
		"one more":  appending("https://d.example"),
		"a name":    func(w *store.WebIntegration) error { w.Name = "z"; return nil },
		"a replace": func(w *store.WebIntegration) error { w.ValidOrigins = []string{"https://d.example"}; return nil },
		"an order":  func(w *store.WebIntegration) error { slices.Reverse(w.ValidOrigins); return nil },
	} {
		if _, err := s.Edit(ctx, "acme", a.ID, edit); err == nil {
			t.Errorf("%s is made", name)
		} else {
			wantNoSpace(t, err)
		}
	}
	_, err = s.Edit(ctx, "globex", g.ID, removing(origins[1:]...))
	wantNoSpace(t, err)
	_, err = s.Create(ctx, entry("acme", "new"))
	wantNoSpace(t, err)
	if at, err := s.Position(ctx); err != nil || at.Revision != deleted {
		t.Errorf("after refusals, Position returns %v, %v; want %d", at, err, deleted)
	}

	makeSpace(t, c, others)
	made := create(t, s, entry("acme", "new"))
	if made.Revision <= deleted {
		t.Errorf("the next write is at %d, after %d", made.Revision, deleted)
	}
	wantWrittenBack(t, c, o)
	written, err := other.Integration(ctx, "acme", a.ID)
	edited.Revision = written.Revision
	if err != nil || !reflect.DeepEqual(written, edited) || written.Revision >= made.Revision {
		t.Errorf("written back is %+v, %v; want %+v", written, err, edited)
	}
}

// wantWrittenBack wants everything to be kept as by ordinary writes.
func wantWrittenBack(t *testing.T, c *etcdtest.Cluster, o etcd.Options) {
	t.Helper()
	got, err := raw(t, c).Get(within(t, 10*time.Second), key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || got.Count != 2+maxRemovals*65 {
		t.Errorf("the pool has %d keys, %v", got.Count, err)
	}
	wantSound(t, c, o)
}

// TestStore_AnswersUnderTheAlarmAsWithSpace compares a store under the alarm,
// and after it, with one that has had the same writes with space.
func TestStore_AnswersUnderTheAlarmAsWithSpace(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	c := startSmall(t)
	o, ample := optionsOf(c), optionsOf(etcdtest.StartCluster(t, 1, nil))
	pair := twin{T: t, random: r, full: []*etcd.Store{openWithPool(t, o), open(t, o)}, ample: open(t, ample)}
	for i := range 12 {
		pair.create(i)
	}
	for range 3 {
		fillByOthers(t, c)
		for range 6 {
			pair.remove()
			pair.compare()
		}
		makeSpace(t, c, others)
		pair.writeBackInterrupted(o)
		wantWrittenBack(t, c, o)
		pair.create(100)
		pair.compare()
		wantWrittenBack(t, c, o)
	}
}

// twin is two stores that get the same writes. One has several gateways.
type twin struct {
	*testing.T
	random *rand.Rand
	full   []*etcd.Store
	ample  *etcd.Store
	ids    []string
	last   uint64 // the revision of the last write
}

func (p *twin) tenant(id string) string { return fmt.Sprint(id[0] % 2) }

// create creates one with doubles, and with a name that others have.
func (p *twin) create(i int) {
	var origins []string
	for range p.random.IntN(8) {
		origins = append(origins, fmt.Sprintf("https://%d.example", p.random.IntN(6)))
	}
	w := entry("", fmt.Sprint("name", i/3), origins...)
	w.TenantID = p.tenant(w.ID)
	create(p, p.ample, w)
	p.ids = append(p.ids, w.ID)
	if p.random.IntN(2) == 0 {
		p.last = create(p, p.full[0], w).Revision
		return
	}
	batch(p.T, p.full[0], []store.Write{{Tenant: w.TenantID, ID: w.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &w, nil }}})
	at, err := p.full[0].Position(within(p.T, time.Minute))
	if err != nil || at.Revision <= p.last {
		p.Errorf("after %d, a batch is at %v, %v", p.last, at, err)
	}
	p.last = at.Revision
}

// remove deletes a web integration, or takes origins off its list.
func (p *twin) remove() {
	p.Helper()
	s := p.full[p.random.IntN(len(p.full))]
	id := p.ids[p.random.IntN(len(p.ids))]
	ctx := within(p.T, time.Minute)
	if p.random.IntN(2) == 0 {
		_, want := p.ample.Delete(ctx, p.tenant(id), id, allowed)
		revision, err := s.Delete(ctx, p.tenant(id), id, allowed)
		p.took("Delete", revision, err, want)
		return
	}
	edit := removing(fmt.Sprintf("https://%d.example", p.random.IntN(6)), fmt.Sprintf("https://%d.example", p.random.IntN(6)))
	ifLess := func(w *store.WebIntegration) error {
		was := len(w.ValidOrigins)
		if err := edit(w); err != nil || len(w.ValidOrigins) < was {
			return err
		}
		return store.ErrUnchanged
	}
	was, _ := s.Integration(ctx, p.tenant(id), id)
	want, wantErr := p.ample.Edit(ctx, p.tenant(id), id, ifLess)
	got, err := s.Edit(ctx, p.tenant(id), id, ifLess)
	if !slices.Equal(got.ValidOrigins, want.ValidOrigins) {
		p.Errorf("Edit returns %q, want %q", got.ValidOrigins, want.ValidOrigins)
	}
	if len(got.ValidOrigins) < len(was.ValidOrigins) {
		p.took("Edit", got.Revision, err, wantErr)
	}
}

// writeBackInterrupted has a gateway write back that may write nothing else, and
// stops it anywhere.
func (p *twin) writeBackInterrupted(o etcd.Options) {
	p.Helper()
	o.Limits = store.Limits{Integrations: 1, Origins: 1}
	s := open(p, o)
	var limited *store.LimitError
	for round := 0; limited == nil; round++ {
		ctx := within(p.T, time.Duration(p.random.IntN(5*(round+1)))*time.Millisecond)
		_, err := s.Create(ctx, entry(p.tenant(p.ids[0]), "too many"))
		at, readErr := s.Position(within(p.T, time.Minute))
		if err == nil || readErr != nil || at.Revision < p.last {
			p.Fatalf("Create: %v; Position returns %v, %v after %d", err, at, readErr, p.last)
		}
		p.last = at.Revision
		errors.As(err, &limited)
		p.compare()
	}
}

// took wants the same outcome, and that revisions increase.
func (p *twin) took(what string, revision uint64, err, want error) {
	p.Helper()
	if !errors.Is(err, want) || err == nil && revision <= p.last {
		p.Errorf("%s returns %d, %v after %d; want %v", what, revision, err, p.last, want)
	}
	if err == nil {
		p.last = revision
	}
}

// compare reads everything in every way.
func (p *twin) compare() {
	p.Helper()
	s := p.full[p.random.IntN(len(p.full))]
	if at, err := s.Position(within(p.T, time.Minute)); err != nil || at.Revision != p.last {
		p.Errorf("Position returns %v, %v; want %d", at, err, p.last)
	}
	for _, tenant := range []string{"0", "1"} {
		got, want := p.read(s, tenant), p.read(p.ample, tenant)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				p.Fatalf("tenant %s, read %d:\n%+v\nwant\n%+v", tenant, i, got[i], want[i])
			}
		}
	}
}

// read returns what every read returns, but for revisions and the time of the
// last update.
func (p *twin) read(s *etcd.Store, tenant string) (all []any) {
	ctx := within(p.T, time.Minute)
	_, list, err := s.Load(ctx, tenant)
	slices.SortFunc(list, func(a, b store.WebIntegration) int { return cmp.Compare(a.ID, b.ID) })
	all = append(all, plain(list), err)
	for _, id := range p.ids {
		w, err := s.Integration(ctx, tenant, id)
		all = append(all, plain([]store.WebIntegration{w}), errors.Is(err, store.ErrNotFound))
		for _, q := range []store.Query{{After: id, Limit: 3}, {Before: id, Limit: 3, Descending: true}, {Limit: 4, Bytes: 60}} {
			page, err := s.Page(ctx, tenant, q)
			all = append(all, plain(page.Integrations), page.More, page.Less, errors.Is(err, store.ErrUnknownCursor))
		}
	}
	return all
}

func plain(all []store.WebIntegration) string {
	var text strings.Builder
	for _, w := range all {
		fmt.Fprintln(&text, w.ID, w.TenantID, w.Name, w.CreatedBy, w.Created.Unix(), strings.Join(w.ValidOrigins, " "))
	}
	return text.String()
}

// TestStore_RefusesMoreRemovalsThanThePoolPermits has gateways use the whole
// pool at once.
func TestStore_RefusesMoreRemovalsThanThePoolPermits(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	o := optionsOf(c)
	gateways := []*etcd.Store{openWithPool(t, o), open(t, o), open(t, o)}
	var all []store.WebIntegration
	for i := range maxRemovals + 4 {
		all = append(all, create(t, gateways[0], entry(fmt.Sprint(i%5), "one", "https://a.example", "https://b.example")))
	}
	fillByOthers(t, c)
	var mu sync.Mutex
	var made []uint64
	gone := map[string]bool{}
	var workers sync.WaitGroup
	for i, w := range all {
		workers.Go(func() {
			revision, err := gateways[i%3].Delete(within(t, time.Minute), w.TenantID, w.ID, allowed)
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
		t.Errorf("made were %d, at %d", len(made), made)
	}
	for _, w := range all {
		_, err := gateways[0].Integration(within(t, time.Minute), w.TenantID, w.ID)
		if errors.Is(err, store.ErrNotFound) != gone[w.ID] || err != nil && !gone[w.ID] {
			t.Errorf("%s, gone: %v, %v", w.ID, gone[w.ID], err)
		}
	}
	makeSpace(t, c, others)
	for i, w := range all { // all gateways write back at once
		workers.Go(func() {
			_, err := gateways[i%3].Edit(within(t, time.Minute), w.TenantID, w.ID, appending("https://c.example"))
			if errors.Is(err, store.ErrNotFound) != gone[w.ID] || err != nil && !gone[w.ID] {
				t.Errorf("editing %s, gone: %v, %v", w.ID, gone[w.ID], err)
			}
		})
	}
	workers.Wait()
	wantWrittenBack(t, c, o)
}

// TestStore_UndoesNoRevocationMadeMeanwhile has an edit be planned before an
// origin is removed, and be made when there is space again.
func TestStore_UndoesNoRevocationMadeMeanwhile(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	o := optionsOf(c)
	s, other := openWithPool(t, o), open(t, o)
	w := create(t, s, entry("acme", "a", "https://a.example", "https://b.example"))
	planned := 0
	got, err := s.Edit(within(t, time.Minute), "acme", w.ID, func(w *store.WebIntegration) error {
		if planned++; planned == 1 {
			fillByOthers(t, c)
			if _, err := other.Edit(within(t, time.Minute), "acme", w.ID, removing("https://a.example")); err != nil {
				t.Error(err)
			}
			makeSpace(t, c, others)
		}
		return appending("https://c.example")(w)
	})
	if want := []string{"https://b.example", "https://c.example"}; err != nil || !slices.Equal(got.ValidOrigins, want) {
		t.Errorf("Edit returns %q, %v; want %q", got.ValidOrigins, err, want)
	}
	wantWrittenBack(t, c, o)
}

// TestStore_RemovesOnceWhenTheAnswerIsLost cuts the connection after a
// removal and before its response.
func TestStore_RemovesOnceWhenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	s, o, r := relayed(t, c)
	openWithPool(t, o)
	a := create(t, s, entry("acme", "a", "https://a.example", "https://b.example", "https://c.example"))
	b := create(t, s, entry("acme", "b"))
	fillByOthers(t, c)
	spoil := func() {
		ctx := within(t, time.Minute)
		news := raw(t, c).Watch(ctx, key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-news
		r.slow.Store(int64(100 * time.Millisecond))
		go func() {
			<-news
			r.cut()
			r.slow.Store(0)
		}()
	}
	was, err := s.Position(within(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	spoil()
	edited, err := s.Edit(within(t, time.Minute), "acme", a.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = w.ValidOrigins[2:] // twice it would be none
		return nil
	})
	if err != nil || len(edited.ValidOrigins) != 1 || edited.Revision != was.Revision+2 {
		t.Errorf("after %d, Edit returns %v, %v", was.Revision, edited, err)
	}
	spoil()
	if revision, err := s.Delete(within(t, time.Minute), "acme", b.ID, allowed); err != nil || revision != was.Revision+3 {
		t.Errorf("after %d, Delete returns %d, %v", was.Revision, revision, err)
	}
	if _, err := raw(t, c).Delete(within(t, time.Minute), key(o, "i/acme/"+a.ID)); err != nil {
		t.Fatal(err)
	}
	if _, all, err := s.Load(within(t, time.Minute), "acme"); err == nil {
		t.Errorf("after a deletion that nobody made, Load returns %v", all)
	}
}

// TestStore_FeedsAcrossWritingBack has a feed that was left before anything was
// removed resume after it.
func TestStore_FeedsAcrossWritingBack(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	o := optionsOf(c)
	s := openWithPool(t, o)
	w := create(t, s, entry("acme", "a", "https://a.example", "https://b.example"))
	fillByOthers(t, c)
	edited, err := s.Edit(within(t, time.Minute), "acme", w.ID, removing("https://a.example"))
	if err != nil {
		t.Fatal(err)
	}
	raiseQuota(t, c)
	during := watch(t, s, edited.Revision)
	made := create(t, s, entry("acme", "b"))
	for _, feed := range []*watched{during, watch(t, s, w.Revision), watch(t, s, edited.Revision)} {
		if err := feed.end(t); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("a feed from before ends with %v", err)
		}
		if len(feed.changes) > 0 {
			t.Errorf("and tells %+v", <-feed.changes)
		}
	}
	at, tenants, err := s.Tenants(within(t, time.Minute))
	if err != nil || at.Revision != made.Revision || tenants["acme"] != made.Revision {
		t.Errorf("after %d, Tenants returns %v, %v, %v", made.Revision, at, tenants, err)
	}
	feed := watch(t, s, at.Revision)
	next := create(t, s, entry("acme", "c"))
	if c := feed.next(t); c.ID != next.ID || c.Revision != next.Revision {
		t.Errorf("the feed tells %+v", c)
	}
}

// raiseQuota ends the alarm, and keeps etcd's history.
func raiseQuota(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	c.Stop()
	c.Members[0].Adjust = nil
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, c).AlarmDisarm(within(t, 10*time.Second), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
}

// TestStore_RemovesAfterAWriteMadeMeanwhile has an ordinary write be made
// between the plan of a deletion and its removal.
func TestStore_RemovesAfterAWriteMadeMeanwhile(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	o := optionsOf(c)
	s, other := openWithPool(t, o), open(t, o)
	w := create(t, s, entry("acme", "a"))
	fillByOthers(t, c)
	planned := 0
	var made store.WebIntegration
	deleted, err := s.Delete(within(t, time.Minute), "acme", w.ID, func(store.WebIntegration) error {
		if planned++; planned == 1 {
			makeSpace(t, c, others)
			for range 3 {
				made = create(t, other, entry("globex", "b"))
			}
			fillByOthers(t, c)
		}
		return nil
	})
	if err != nil || deleted <= made.Revision {
		t.Errorf("after %d, Delete returns %d, %v", made.Revision, deleted, err)
	}
}

// TestStore_UndoesNoRevocationByRequestsThatComeLate holds up a gateway that
// makes the pool, and then one that writes back, while an origin is removed.
func TestStore_UndoesNoRevocationByRequestsThatComeLate(t *testing.T) {
	t.Parallel()
	c := startSmall(t)
	late, o, r := relayed(t, c)
	direct := o
	direct.Endpoints = c.Endpoints()
	s := open(t, direct)
	var all []store.WebIntegration
	for i := range 12 {
		all = append(all, create(t, s, entry("acme", fmt.Sprint(i), "https://a.example", "https://b.example")))
	}
	remove := func(some []store.WebIntegration) {
		fillByOthers(t, c)
		for _, w := range some {
			if _, err := s.Edit(within(t, time.Minute), "acme", w.ID, removing("https://a.example")); err != nil {
				t.Error(err)
			}
		}
		makeSpace(t, c, others)
	}
	// meanwhile does something after the first request that puts keys of the pool.
	meanwhile := func(do func(), call func() error) {
		news := raw(t, c).Watch(within(t, time.Minute), key(o, "w/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-news
		r.slow.Store(int64(20 * time.Millisecond))
		ended := make(chan error)
		go func() { ended <- call() }()
		<-news
		r.hold.Lock()
		do()
		r.hold.Unlock()
		r.slow.Store(0)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	meanwhile(func() {
		if err := s.CheckWrites(within(t, time.Minute)); err != nil {
			t.Error(err)
		}
		remove(all[:8])
	}, func() error { return late.CheckWrites(within(t, time.Minute)) })
	wantWithout := func(some []store.WebIntegration) {
		t.Helper()
		for _, w := range some {
			if got, err := s.Integration(within(t, time.Minute), "acme", w.ID); err != nil || len(got.ValidOrigins) != 1 {
				t.Errorf("%s lists %q, %v", w.Name, got.ValidOrigins, err)
			}
		}
	}
	wantWithout(all[:8])
	meanwhile(func() { remove(all[8:]) }, func() error {
		_, err := late.Create(within(t, time.Minute), entry("acme", "late"))
		return err
	})
	wantWithout(all)
	wantWrittenBack(t, c, o)
}
