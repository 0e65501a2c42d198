// Package inventorytest tests the refusals of a store.Store against their contract.
package inventorytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// Open returns a new, empty store, and a function that opens it once more: for stores
// that several processes may have open, beside the first, otherwise after that was
// closed. The stores are closed when t ends.
type Open func(t *testing.T) (s store.Store, again func(t *testing.T) store.Store)

// Run runs the suite. Every store must pass it, also under the race detector.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store, func(*testing.T) store.Store)
	}{
		{"HasNone", hasNone},
		{"AddsCounts", addsCounts},
		{"TakesLaterRequest", takesLaterRequest},
		{"SeparatesTenantsAndReasons", separatesTenantsAndReasons},
		{"KeepsAllFields", keepsAllFields},
		{"SurvivesReopening", survivesReopening},
		{"Dismisses", dismisses},
		{"KeepsFrequentAndRecent", keepsFrequentAndRecent},
		{"KeepsDismissedInFlood", keepsDismissedInFlood},
		{"TakesLongestText", takesLongestText},
		{"LosesNoConcurrentCount", losesNoConcurrentCount},
		{"LeavesRevisionAndFeed", leavesRevisionAndFeed},
		{"KeepsWhenObserved", keepsWhenObserved},
		{"EndsWithContext", endsWithContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, again := open(t)
			test.run(t, s, again)
		})
	}
}

// at returns a time, n seconds after the first.
func at(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

// refused returns a refusal of one request.
func refused(origin string, second int) store.Refusal {
	return store.Refusal{Origin: origin, Reason: origins.OriginNotListed, Count: 1, First: at(second), Last: at(second), Method: "GET", Path: "/"}
}

func add(t testing.TB, s store.Store, tenant string, more ...store.Refusal) {
	t.Helper()
	if added, err := s.AddRefusals(t.Context(), []store.TenantRefusals{{Tenant: tenant, Refusals: more}}); err != nil || added != 1 {
		t.Fatalf("AddRefusals = %d, %v; want 1 and no error", added, err)
	}
}

func read(t testing.TB, s store.Store, tenant string) []store.Refusal {
	t.Helper()
	all, err := s.Refusals(t.Context(), tenant)
	if err != nil {
		t.Fatalf("Refusals: %v", err)
	}
	return all
}

func want(t testing.TB, s store.Store, tenant string, want ...store.Refusal) {
	t.Helper()
	if got := read(t, s, tenant); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("refusals of %s:\n got %+v\nwant %+v", tenant, got, want)
	}
}

func hasNone(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	want(t, s, "acme")
	if added, err := s.AddRefusals(t.Context(), nil); added != 0 || err != nil {
		t.Errorf("adding none: %d, %v", added, err)
	}
	for _, when := range []time.Time{at(1), {}} {
		if err := s.Dismiss(t.Context(), "acme", "https://a.example", when); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Dismiss at %v: error %v, want ErrNotFound", when, err)
		}
	}
}

func addsCounts(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	first, second := refused("https://a.example", 5), refused("https://a.example", 9)
	second.Count, second.First = 3, at(7)
	add(t, s, "acme", first)
	add(t, s, "acme", second)
	sum := second
	sum.Count, sum.First = 4, at(5)
	want(t, s, "acme", sum)
}

// Gateways write their refusals in any order.
func takesLaterRequest(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	later := store.Refusal{Origin: "https://a.example", Reason: origins.OriginNotListed, Count: 1, First: at(9), Last: at(9),
		Method: "PUT", Path: "/later", Agent: "firefox", OwnHost: true}
	earlier := store.Refusal{Origin: "https://a.example", Reason: origins.OriginNotListed, Count: 1, First: at(2), Last: at(3),
		Method: "GET", Path: "/earlier", Agent: "chrome"}
	sum := later
	sum.Count, sum.First = 2, at(2)
	add(t, s, "acme", later)
	add(t, s, "acme", earlier)
	want(t, s, "acme", sum)
	add(t, s, "globex", earlier)
	add(t, s, "globex", later)
	want(t, s, "globex", sum)
}

func separatesTenantsAndReasons(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	a, b := refused("https://a.example", 1), refused("https://a.example", 2)
	b.Reason = origins.OriginNotInWebIntegration
	none := refused("", 3)
	none.Reason = origins.OriginRequired
	added, err := s.AddRefusals(t.Context(), []store.TenantRefusals{
		{Tenant: "acme", Refusals: []store.Refusal{a, none, b}}, {Tenant: "a/c%me", Refusals: []store.Refusal{b}}, {Tenant: "empty"},
	})
	if err != nil || added != 3 {
		t.Fatalf("AddRefusals = %d, %v; want 3", added, err)
	}
	want(t, s, "acme", none, b, a)
	want(t, s, "a/c%me", b)
	want(t, s, "empty")
	want(t, s, "acm")
}

func keepsAllFields(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	all := store.Refusal{
		Origin: "nonsense\x00\x1b<b>\u2028\uFFFD'\"", Reason: origins.OriginMalformed, Count: 1<<63 - 1, First: at(0), Last: at(1),
		Method: "other", Path: "/\x01%2f\"<>", Agent: "none", OwnHost: true, Dismissed: at(2),
	}
	add(t, s, "acme", all)
	want(t, s, "acme", all)
}

func survivesReopening(t *testing.T, s store.Store, again func(*testing.T) store.Store) {
	a, b := refused("https://a.example", 1), refused("https://b.example", 2)
	add(t, s, "acme", a, b)
	if err := s.Dismiss(t.Context(), "acme", b.Origin, at(9)); err != nil {
		t.Fatal(err)
	}
	b.Dismissed = at(9)
	want(t, again(t), "acme", b, a)
}

func dismisses(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	a, b, other := refused("https://a.example", 1), refused("https://a.example", 2), refused("https://b.example", 3)
	b.Reason = origins.MethodNotAllowed
	add(t, s, "acme", a, b, other)
	add(t, s, "globex", a)
	if err := s.Dismiss(t.Context(), "acme", "https://a.example", at(100)); err != nil {
		t.Fatal(err)
	}
	if err := s.Dismiss(t.Context(), "acme", "https://c.example", at(100)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an origin without refusals: error %v, want ErrNotFound", err)
	}
	a.Dismissed, b.Dismissed = at(100), at(100)
	want(t, s, "acme", other, b, a)
	undismissed := a
	undismissed.Dismissed = time.Time{}
	want(t, s, "globex", undismissed)

	more := refused("https://a.example", 200)
	add(t, s, "acme", more) // does not undo it
	a.Count, a.Last = 2, at(200)
	want(t, s, "acme", a, other, b)

	if err := s.Dismiss(t.Context(), "acme", "https://a.example", time.Time{}); err != nil {
		t.Fatal(err)
	}
	a.Dismissed, b.Dismissed = time.Time{}, time.Time{}
	want(t, s, "acme", a, other, b)
}

func keepsFrequentAndRecent(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	const day = 24 * 60 * 60
	frequent, recent := refused("https://frequent.example", 0), refused("https://recent.example", 3*day)
	frequent.Count = 1000 // worth 125 after three days
	old := refused("https://old.example", 0)
	old.Count = 4 // less than one request of now
	add(t, s, "acme", frequent, old)
	for round := range 3 {
		more := []store.Refusal{recent}
		for i := range store.MaxRefusals {
			more = append(more, refused(fmt.Sprintf("https://%d-%d.example", round, i), 3*day-1))
		}
		add(t, s, "acme", more...)
	}
	got := read(t, s, "acme")
	if len(got) != store.MaxRefusals {
		t.Errorf("%d refusals, want %d", len(got), store.MaxRefusals)
	}
	has := func(origin string) bool {
		return slices.ContainsFunc(got, func(r store.Refusal) bool { return r.Origin == origin })
	}
	if !has(frequent.Origin) || !has(recent.Origin) || has(old.Origin) {
		t.Errorf("kept: frequent %t, recent %t, old and rare %t; want the first two", has(frequent.Origin), has(recent.Origin), has(old.Origin))
	}
}

func keepsDismissedInFlood(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	const day = 24 * 60 * 60
	flood := func(second int) {
		var more []store.Refusal
		for i := range store.MaxRefusals {
			more = append(more, refused(fmt.Sprintf("https://%d-%d.example", second, i), second))
		}
		add(t, s, "acme", more...)
	}
	isKept := func() bool {
		return slices.ContainsFunc(read(t, s, "acme"), func(r store.Refusal) bool { return !r.Dismissed.IsZero() })
	}
	dismissed := refused("https://dismissed.example", 0)
	dismissed.Count = 1 << 40
	add(t, s, "acme", dismissed)
	if err := s.Dismiss(t.Context(), "acme", dismissed.Origin, at(0)); err != nil {
		t.Fatal(err)
	}
	if flood(day); !isKept() {
		t.Error("a flood a day later has evicted the dismissed refusal")
	}
	if flood(8 * day); isKept() {
		t.Error("a dismissed refusal that has not come for eight days is kept in a flood")
	}
}

// A store may keep fewer of the longest, but it takes them.
func takesLongestText(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	var all []store.Refusal
	for i := range store.MaxRefusals {
		r := refused(randomText(i, origins.MaxLength), i)
		r.Path = randomText(-i, 256)
		all = append(all, r)
	}
	frequent := refused("https://frequent.example", 0)
	frequent.Count = 1 << 20
	all[17] = frequent
	add(t, s, "acme", all...)
	got := read(t, s, "acme")
	if len(got) < 100 || !slices.ContainsFunc(got, func(r store.Refusal) bool { return r.Origin == frequent.Origin }) {
		t.Errorf("%d refusals are kept, want at least 100, with the frequent one", len(got))
	}
}

// randomText returns text that can hardly be compressed.
func randomText(seed, length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-._~ABCDEFGHIJKLMNOPQRSTUVWX"
	state := uint64(seed)*0x9e3779b97f4a7c15 + 1
	var text strings.Builder
	for range length {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		text.WriteByte(letters[state>>32%uint64(len(letters))])
	}
	return text.String()
}

func losesNoConcurrentCount(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	const writers, rounds = 8, 5
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := range rounds {
				more := []store.TenantRefusals{{Tenant: "acme", Refusals: []store.Refusal{refused("https://a.example", n)}}}
				if added, err := s.AddRefusals(t.Context(), more); err != nil || added != 1 {
					t.Errorf("AddRefusals = %d, %v", added, err)
				}
			}
		})
	}
	all.Wait()
	if got := read(t, s, "acme"); len(got) != 1 || got[0].Count != writers*rounds {
		t.Errorf("got %+v, want a count of %d", got, writers*rounds)
	}
}

func leavesRevisionAndFeed(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	w := store.WebIntegration{ID: store.NewID(), TenantID: "acme", Name: "n", CreatedBy: "ops", Created: at(0), LastUpdated: at(0)}
	if _, err := s.Create(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	before, tenants, err := s.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changes := make(chan origins.Change, 10)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		_ = s.Watch(ctx, before.Revision, func(all []origins.Change) {
			for _, c := range all {
				changes <- c
			}
		})
	})
	add(t, s, "acme", refused("https://a.example", 1))
	add(t, s, "globex", refused("https://a.example", 1))
	if err := s.Dismiss(t.Context(), "acme", "https://a.example", at(2)); err != nil {
		t.Fatal(err)
	}
	after, now, err := s.Tenants(t.Context())
	if err != nil || after != before || !reflect.DeepEqual(now, tenants) {
		t.Errorf("position and tenants were %v, %v and are %v, %v; error %v", before, tenants, after, now, err)
	}
	// The next change is the first that the feed has.
	revision, err := s.Delete(t.Context(), "acme", w.ID, func(store.WebIntegration) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if c := <-changes; c.Revision != revision {
		t.Errorf("the feed has a change at revision %d, want that of the deletion at %d", c.Revision, revision)
	}
	stop()
	if a := read(t, s, "acme"); len(a) != 1 {
		t.Errorf("after a deletion of lists: refusals %v", a)
	}
}

func endsWithContext(t *testing.T, s store.Store, _ func(*testing.T) store.Store) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, addErr := s.AddRefusals(ended, []store.TenantRefusals{{Tenant: "acme", Refusals: []store.Refusal{refused("https://a.example", 1)}}})
	_, readErr := s.Refusals(ended, "acme")
	for call, err := range map[string]error{"AddRefusals": addErr, "Refusals": readErr, "Dismiss": s.Dismiss(ended, "acme", "https://a.example", at(1))} {
		if err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s with an ended context: error %v", call, err)
		}
	}
}
