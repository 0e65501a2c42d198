package etcdtest_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

func isolatesUnusualTenants(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	tenants := []string{
		"a", "", "/", "//", "a/", "/a", "a/b", "a%2Fb", "a%2fb", "%", "..", ".", "../a", "\x00", "a\x00", "\xff\xfe",
		"identity", "head", "t/a", "ü", "u\u0308", strings.Repeat("/long", 10_000),
	}
	kept := map[string]store.WebIntegration{}
	for _, tenant := range tenants {
		kept[tenant] = create(t, s, newIntegration(tenant, "\x00name", "https://a.example"))
	}
	at, revisions, err := s.Tenants(t.Context())
	if err != nil || len(revisions) != len(tenants) {
		t.Errorf("Tenants returned %d tenants, %v; want %d", len(revisions), err, len(tenants))
	}
	for tenant, w := range kept {
		if revisions[tenant] != w.Revision || at.Revision < w.Revision {
			t.Errorf("tenant %.20q has revision %d, want %d", tenant, revisions[tenant], w.Revision)
		}
		_, all, err := s.Load(t.Context(), tenant)
		if err != nil || !reflect.DeepEqual(all, []store.WebIntegration{w}) {
			t.Errorf("Load(%.20q) = %v, %v", tenant, all, err)
		}
		page, err := s.Page(t.Context(), tenant, store.Query{Limit: 10, Descending: true})
		if err != nil || !reflect.DeepEqual(page.Integrations, all) {
			t.Errorf("Page(%.20q) = %v, %v", tenant, page, err)
		}
	}
	for _, id := range []string{"", "/", "../b/" + kept["a/b"].ID, "\x00", "b/" + kept["a/b"].ID, strings.Repeat("x", 16<<10)} {
		if _, err := s.Integration(t.Context(), "a", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Integration(%.20q): error %v, want ErrNotFound", id, err)
		}
		if _, err := s.Page(t.Context(), "a", store.Query{After: id, Limit: 1}); id != "" && !errors.Is(err, store.ErrUnknownCursor) {
			t.Errorf("Page after %.20q: error %v, want ErrUnknownCursor", id, err)
		}
	}
	wantConsistent(t, c, o)
}

// loadsManyPages loads web integrations of very different sizes.
func loadsManyPages(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	want := map[string]store.WebIntegration{}
	for i := range 150 {
		w := newIntegration("acme", fmt.Sprint(i))
		if i%5 == 0 {
			w.ValidOrigins = makeOrigins(3000)
		}
		w = create(t, s, w)
		want[w.ID] = w
	}
	revision, all, err := s.Load(t.Context(), "acme")
	if err != nil || len(all) != len(want) {
		t.Fatalf("Load returned %d web integrations, %v; want %d", len(all), err, len(want))
	}
	for _, w := range all {
		if !reflect.DeepEqual(w, want[w.ID]) {
			t.Errorf("%s differs after Load", w.ID)
		}
	}
	if at, err := s.Position(t.Context()); err != nil || at.Revision != revision {
		t.Errorf("Load returned revision %d, but the store is at %d, %v", revision, at.Revision, err)
	}
	wantConsistent(t, c, o)
}

// makeOrigins returns n different origins.
func makeOrigins(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("https://host-%06d.customers.example.com", i)
	}
	return all
}

func refusesTooLargeWrite(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one", makeOrigins(30_000)...))
	wantRefused := func(from string, err error) {
		t.Helper()
		var limit *store.LimitError
		if !errors.As(err, &limit) || limit.What != store.LimitBytes || limit.Max < 1<<20 {
			t.Errorf("%s: error %v, want a LimitError of the size", from, err)
		}
	}
	_, err := s.Create(t.Context(), newIntegration("acme", "two", makeOrigins(40_000)...))
	wantRefused("Create", err)
	_, err = s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error {
		w.ValidOrigins = makeOrigins(100_000)
		return nil
	})
	wantRefused("Edit", err)
	if got, err := s.Integration(t.Context(), "acme", w.ID); err != nil || !reflect.DeepEqual(got, w) {
		t.Errorf("the web integration was changed: %v", err)
	}
	wantConsistent(t, c, o)
}

func failsOnInvalidValues(t *testing.T, c *etcdtest.Cluster) {
	for of, value := range map[string]string{
		"i/acme/ID":  `{"name":`,
		"i/acme/ID ": `{"name":"one","created":"2020-01-01T00:00:00Z","lastUpdated":"2020-01-01T00:00:00Z"}` + "\n" + `["a",7]`,
		"i/acme/new": `{"name":"new","created":"2020-01-01T00:00:00Z","lastUpdated":"2020-01-01T00:00:00Z"}`,
		"t/acme":     `{"integrations":1,"origins":2}`,
		"t/acme ":    "many",
	} {
		o := newOptions(c)
		s := openStore(t, o)
		w := create(t, s, newIntegration("acme", "one", "https://a.example"))
		of = strings.TrimSpace(strings.Replace(of, "ID", w.ID, 1))
		if _, err := newClient(t, c).Put(t.Context(), key(o, of), value); err != nil {
			t.Fatal(err)
		}
		if _, all, err := s.Load(t.Context(), "acme"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("with %s = %s, Load = %v, %v; want an error", of, value, all, err)
		}
	}
}

func refusesNewerLayout(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	if _, err := newClient(t, c).Put(t.Context(), key(o, "identity"), `{"store":"x","layout":2,"more":[]}`); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, o)
	_, acceptErr := s.Accept(t.Context())
	_, createErr := s.Create(t.Context(), newIntegration("acme", "one"))
	for _, err := range []error{acceptErr, createErr} {
		if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "newer originwarden") {
			t.Errorf("error %v, want newer originwarden", err)
		}
	}
}

func refusesInvalidUTF8(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	if _, err := s.Create(t.Context(), newIntegration("acme", "one", "https://\xff.example")); err == nil {
		t.Error("Create returned no error")
	}
	if revision, all, err := s.Load(t.Context(), "acme"); revision != 0 || len(all) > 0 || err != nil {
		t.Errorf("Load = %v at revision %d, %v; want nothing", all, revision, err)
	}
}

func letsTenantOverLimitShrink(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	one, two := create(t, s, newIntegration("acme", "one", makeOrigins(10)...)), create(t, s, newIntegration("acme", "two", makeOrigins(10)...))
	o.Limits = store.Limits{Integrations: 1, Origins: 5}
	s = openStore(t, o)
	resize := func(n int) error {
		_, err := s.Edit(t.Context(), "acme", one.ID, func(w *store.WebIntegration) error { w.ValidOrigins = makeOrigins(n); return nil })
		return err
	}
	var limit *store.LimitError
	if err := resize(11); !errors.As(err, &limit) {
		t.Errorf("growing: error %v, want a LimitError", err)
	}
	if err := errors.Join(resize(10), resize(9)); err != nil {
		t.Errorf("shrinking: %v", err)
	}
	if _, err := s.Delete(t.Context(), "acme", two.ID, allowed); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := errors.Join(resize(0), resize(5)); err != nil {
		t.Errorf("emptying and growing to the limit: %v", err)
	}
	if err := resize(6); !errors.As(err, &limit) {
		t.Errorf("growing beyond the limit: error %v, want a LimitError", err)
	}
}

// refusesEmptiedPrefix deletes all keys of an open store. An operator may do that, or
// start a new cluster at the old addresses.
func refusesEmptiedPrefix(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one", "https://a.example"))
	known, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, c).Delete(t.Context(), key(o, ""), clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	wantReset(t, s, w, known, store.Position{})
	o.Known = known
	wantReset(t, openStore(t, o), w, known, store.Position{}) // as after a restart with a snapshot
	at, err := s.Accept(t.Context())
	if err != nil || at.Store == "" || at.Store == known.Store || at.Revision != 0 {
		t.Fatalf("Accept = %+v, %v; want a new identity at revision 0", at, err)
	}
	again := create(t, s, w)
	if again.Revision <= w.Revision {
		t.Errorf("after revision %d, the next write has revision %d", w.Revision, again.Revision)
	}
	wantConsistent(t, c, optionsAt(o, store.Position{Store: at.Store, Revision: again.Revision}))
}

func optionsAt(o etcd.Options, known store.Position) etcd.Options {
	o.Known = known
	return o
}

// refusesAnotherStore replaces the store with another one at a later revision.
func refusesAnotherStore(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one"))
	known, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, c).Delete(t.Context(), key(o, ""), clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	other := openStore(t, o)
	create(t, other, w)
	latest, err := other.Position(t.Context())
	if err != nil || latest.Store == known.Store || latest.Revision <= known.Revision {
		t.Fatalf("the position went from %+v to %+v, %v", known, latest, err)
	}
	wantReset(t, s, w, known, latest)
	if at, err := s.Accept(t.Context()); err != nil || at != latest {
		t.Errorf("Accept = %+v, %v; want %+v", at, err, latest)
	}
	if _, err := s.Integration(t.Context(), "acme", w.ID); err != nil {
		t.Errorf("Integration after Accept: %v", err)
	}
}

// writesNothingWhenReset resets the store between the read and the transaction of an
// edit.
func writesNothingWhenReset(t *testing.T, c *etcdtest.Cluster) {
	client := newClient(t, c)
	for name, reset := range map[string]func(etcd.Options) error{
		"another identity": func(o etcd.Options) error {
			_, err := client.Put(t.Context(), key(o, "identity"), `{"store":"another","layout":1}`)
			return err
		},
		"older revision": func(o etcd.Options) error {
			_, err := client.Delete(t.Context(), key(o, "head"))
			return err
		},
	} {
		o := newOptions(c)
		s := openStore(t, o)
		w := create(t, s, newIntegration("acme", "one"))
		_, err := s.Edit(withTimeout(t, 10*time.Second), "acme", w.ID, func(w *store.WebIntegration) error {
			return errors.Join(reset(o), addOrigin("https://a.example")(w))
		})
		if !errors.Is(err, store.ErrReset) {
			t.Errorf("%s: Edit: error %v, want ErrReset", name, err)
		}
		if _, err := s.Accept(t.Context()); err != nil {
			t.Errorf("%s: Accept: %v", name, err)
		}
		if got, err := s.Integration(t.Context(), "acme", w.ID); err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("%s: the edit was made: %+v, %v", name, got, err)
		}
	}
}

// isNotResetByReorderedResponses makes concurrent reads and writes, whose responses may
// arrive in another order.
func isNotResetByReorderedResponses(t *testing.T, c *etcdtest.Cluster) {
	o := newOptions(c)
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one"))
	done := make(chan error)
	const callers, rounds = 16, 30
	for i := range callers {
		go func() {
			var err error
			for n := 0; n < rounds && err == nil; n++ {
				if i%4 == 0 {
					_, err = s.Edit(t.Context(), "acme", w.ID, func(w *store.WebIntegration) error { w.Name = fmt.Sprint(i, n); return nil })
				} else {
					_, err = s.Position(t.Context())
				}
			}
			done <- err
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// wantReset checks that every call except Accept fails with the same *ResetError.
func wantReset(t *testing.T, s store.Store, w store.WebIntegration, known, found store.Position) {
	t.Helper()
	ctx := withTimeout(t, 30*time.Second)
	errs := map[string]error{"Watch": s.Watch(ctx, known.Revision, nil)}
	_, errs["Position"] = s.Position(ctx)
	_, _, errs["Tenants"] = s.Tenants(ctx)
	_, _, errs["Load"] = s.Load(ctx, w.TenantID)
	_, errs["Page"] = s.Page(ctx, w.TenantID, store.Query{Limit: 1})
	_, errs["Integration"] = s.Integration(ctx, w.TenantID, w.ID)
	_, errs["Create"] = s.Create(ctx, newIntegration(w.TenantID, "new"))
	_, errs["Edit"] = s.Edit(ctx, w.TenantID, w.ID, addOrigin("https://new.example"))
	_, errs["Delete"] = s.Delete(ctx, w.TenantID, w.ID, allowed)
	for call, err := range errs {
		var reset *store.ResetError
		if !errors.As(err, &reset) || *reset != (store.ResetError{Known: known, Found: found}) {
			t.Errorf("%s: error %v, want a reset from %+v to %+v", call, err, known, found)
		}
	}
}

// sortedRevisions returns the revisions of the events in ascending order.
func sortedRevisions(events []*clientv3.Event) (all []uint64) {
	for _, e := range events {
		all = append(all, uint64(e.Kv.ModRevision))
	}
	slices.Sort(all)
	return all
}
