package refusals_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"originwarden/api/refusals"
	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// timeAt returns a time, n seconds after the first.
func timeAt(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

// request returns a request of an origin that is not listed.
func request(origin string, second int) refusals.Request {
	return refusals.Request{Origin: origin, Reason: origins.OriginNotListed, Method: "GET", Path: "/", Time: timeAt(second)}
}

// testStore is a real store whose writes a test can make fail.
type testStore struct {
	store.Store
	mu     sync.Mutex
	err    error  // of the next writes and reads
	broken string // a tenant whose refusals cannot be written
	most   int    // tenants that one write takes; 0 is any number
	writes [][]string
}

func openStore(t testing.TB) *testStore {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: filepath.Join(t.TempDir(), "lists.db"), Limits: store.Limits{Integrations: 1, Origins: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &testStore{Store: s}
}

var errDown = errors.New("the store is down")

func (s *testStore) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *testStore) AddRefusals(ctx context.Context, more []store.TenantRefusals) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tenants []string
	for _, of := range more {
		tenants = append(tenants, of.Tenant)
	}
	s.writes = append(s.writes, tenants)
	if s.err != nil {
		return 0, s.err
	}
	if s.most > 0 {
		more = more[:min(s.most, len(more))]
	}
	for i := range more {
		if more[i].Tenant == s.broken {
			added, _ := s.Store.AddRefusals(ctx, more[:i])
			return added, errDown
		}
	}
	return s.Store.AddRefusals(ctx, more)
}

func (s *testStore) Refusals(ctx context.Context, tenant string) ([]store.Refusal, error) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.Refusals(ctx, tenant)
}

// newInventory returns an Inventory that nothing flushes, and its store.
func newInventory(t testing.TB) (*refusals.Inventory, *testStore) {
	s := openStore(t)
	t.Cleanup(func() { s.Close() })
	return refusals.New(s, time.Minute, nil), s
}

// runInventory runs test with an Inventory that is flushed every ten seconds, in a time
// of its own.
func runInventory(t *testing.T, test func(t *testing.T, v *refusals.Inventory, s *testStore)) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		v := refusals.New(s, time.Minute, nil)
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { v.Run(ctx) })
		synctest.Wait()
		test(t, v, s)
		stop()
		running.Wait()
		s.Close()
	})
}

// await lets time pass, and waits for the writes that are due.
func await(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func list(t testing.TB, v *refusals.Inventory, tenant string) []store.Refusal {
	t.Helper()
	all, err := v.Refusals(t.Context(), tenant)
	if err != nil {
		t.Fatalf("Refusals: %v", err)
	}
	return all
}

// stored returns the count of all refusals of a tenant in the store.
func stored(t testing.TB, s *testStore, tenant string) (count uint64) {
	t.Helper()
	all, err := s.Store.Refusals(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return countOf(all)
}

// pageOf returns one of many origins.
func pageOf(i int) string { return "https://" + strconv.Itoa(i) + ".example" }

func countOf(all []store.Refusal) (count uint64) {
	for _, r := range all {
		count += r.Count
	}
	return count
}

func TestInventory_CountsByTenantOriginAndReason(t *testing.T) {
	runInventory(t, func(t *testing.T, v *refusals.Inventory, s *testStore) {
		record := func(tenant, origin string, reason origins.Reason, path, agent string, second int) {
			v.Record(tenant, refusals.Request{Origin: origin, Reason: reason, Method: "GET", Path: path, Agent: agent, OwnHost: path == "/four", Time: timeAt(second)})
		}
		record("acme", "https://a.example", origins.OriginNotListed, "/one", "chrome", 1)
		record("acme", "https://b.example", origins.OriginNotListed, "/two", "", 2)
		record("acme", "https://a.example", origins.MethodNotAllowed, "/three", "", 3)
		record("acme", "https://a.example", origins.OriginNotListed, "/four", "firefox", 4)
		record("other", "https://a.example", origins.OriginNotListed, "/five", "", 5)
		want := []store.Refusal{
			{Origin: "https://a.example", Reason: origins.OriginNotListed, Count: 2, First: timeAt(1), Last: timeAt(4), Method: "GET", Path: "/four", Agent: "firefox", OwnHost: true},
			{Origin: "https://a.example", Reason: origins.MethodNotAllowed, Count: 1, First: timeAt(3), Last: timeAt(3), Method: "GET", Path: "/three"},
			{Origin: "https://b.example", Reason: origins.OriginNotListed, Count: 1, First: timeAt(2), Last: timeAt(2), Method: "GET", Path: "/two"},
		}
		for _, when := range []string{"in memory", "in the store"} {
			if got := list(t, v, "acme"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\ngot  %v\nwant %v", when, got, want)
			}
			if got := list(t, v, "other"); len(got) != 1 || got[0].Path != "/five" {
				t.Errorf("%s, other tenant: got %v, want its refusal alone", when, got)
			}
			if got := list(t, v, "nobody"); len(got) != 0 {
				t.Errorf("%s, tenant without refusals: got %v, want none", when, got)
			}
			await(10 * time.Second)
		}
		record("acme", "https://a.example", origins.OriginNotListed, "/six", "safari", 60)
		want[0].Count, want[0].Last, want[0].Path, want[0].Agent, want[0].OwnHost = 3, timeAt(60), "/six", "safari", false
		if got := list(t, v, "acme"); !reflect.DeepEqual(got, want) {
			t.Errorf("in both:\ngot  %v\nwant %v", got, want)
		}
		if got := stored(t, s, "acme"); got != 4 {
			t.Errorf("the store has a count of %d, want 4", got)
		}
	})
}

func TestInventory_WritesOnlyWhatIsNew(t *testing.T) {
	runInventory(t, func(t *testing.T, v *refusals.Inventory, s *testStore) {
		v.Record("acme", request("https://a.example", 1))
		v.Record("globex", request("https://a.example", 1))
		await(10 * time.Second)
		await(time.Hour)
		v.Record("globex", request("https://a.example", 2))
		await(10 * time.Second)
		if want := [][]string{{"acme", "globex"}, {"globex"}}; !reflect.DeepEqual(s.writes, want) {
			t.Errorf("writes %v, want %v", s.writes, want)
		}
	})
}

func TestInventory_WritesWhenStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		defer s.Close()
		v := refusals.New(s, time.Minute, nil)
		v.Record("acme", request("https://a.example", 1))
		ctx, stop := context.WithCancel(context.Background())
		stop()
		v.Run(ctx)
		if n := stored(t, s, "acme"); n != 1 {
			t.Errorf("the store has a count of %d, want 1", n)
		}
	})
}

func TestInventory_KeepsWhatCannotBeWritten(t *testing.T) {
	var reports []error
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		v := refusals.New(s, time.Minute, func(err error) { reports = append(reports, err) })
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { v.Run(ctx) })
		s.set(func() { s.err = errDown })
		for n := range 100 {
			v.Record("acme", request("https://a.example", n))
			time.Sleep(time.Second)
		}
		got, err := v.Refusals(t.Context(), "acme")
		if !errors.Is(err, errDown) || countOf(got) != 100 || !got[0].First.Equal(timeAt(0)) || !v.Status().Failing {
			t.Errorf("without the store: %v, %v, status %v; want a count of 100 and the error", got, err, v.Status())
		}
		s.set(func() { s.err = nil })
		await(10 * time.Second)
		if n := stored(t, s, "acme"); n != 100 || v.Status() != (refusals.Status{}) {
			t.Errorf("the store has a count of %d, status %v; want 100", n, v.Status())
		}
		if len(reports) != 2 || !errors.Is(reports[0], errDown) || reports[1] != nil {
			t.Errorf("reported %v, want the error once and nil", reports)
		}
		stop()
		running.Wait()
		s.Close()
	})
}

// One tenant must not keep the others from being written.
func TestInventory_WritesOtherTenantsBesideBrokenAndFlooded(t *testing.T) {
	runInventory(t, func(t *testing.T, v *refusals.Inventory, s *testStore) {
		s.set(func() { s.broken = "broken" })
		v.Record("broken", request("https://a.example", 1))
		for i := range 5000 {
			v.Record("flooded", request(pageOf(i), i))
		}
		for _, tenant := range []string{"one", "two", "three"} {
			v.Record(tenant, request("https://a.example", 1))
		}
		await(30 * time.Second)
		for _, tenant := range []string{"one", "two", "three"} {
			if n := stored(t, s, tenant); n != 1 {
				t.Errorf("%s has a count of %d in the store, want 1", tenant, n)
			}
		}
		s.set(func() { s.broken = "" })
		await(10 * time.Second)
		if n := stored(t, s, "broken"); n != 1 {
			t.Errorf("the tenant that was broken has a count of %d, want 1", n)
		}
	})
}

// A store may take less than there is. Then all tenants have their turn.
func TestInventory_WritesByTurns(t *testing.T) {
	runInventory(t, func(t *testing.T, v *refusals.Inventory, s *testStore) {
		s.set(func() { s.most = 2 })
		for range 5 {
			for i := range 10 {
				v.Record(fmt.Sprint(i), request("https://a.example", 1))
			}
			await(10 * time.Second)
		}
		for i := range 10 {
			if n := stored(t, s, fmt.Sprint(i)); n == 0 {
				t.Errorf("tenant %d was not written in 5 writes of 2 tenants", i)
			}
		}
	})
}

// A broken page repeats its requests, so origins that are seen once must not evict it.
func TestInventory_KeepsFrequentOriginInFlood(t *testing.T) {
	const flood = 1_000_000
	runInventory(t, func(t *testing.T, v *refusals.Inventory, s *testStore) {
		ours := uint64(0)
		for i := range flood {
			v.Record("acme", request(pageOf(i), i/1000))
			if i%500 == 0 {
				v.Record("acme", request("https://ours.example", i/1000))
				ours++
			}
			if i%100_000 == 0 {
				await(10 * time.Second)
			}
		}
		v.Record("quiet", request("https://a.example", 1))
		await(10 * time.Second)
		got := list(t, v, "acme")
		if len(got) != store.MaxRefusals {
			t.Errorf("%d refusals are kept, want %d", len(got), store.MaxRefusals)
		}
		for _, r := range got {
			if r.Origin == "https://ours.example" {
				if r.Count < ours*9/10 || r.Count > ours {
					t.Errorf("count %d, want about %d", r.Count, ours)
				}
				if n := stored(t, s, "quiet"); n != 1 {
					t.Errorf("another tenant has a count of %d, want 1", n)
				}
				return
			}
		}
		t.Errorf("the origin of %d requests was evicted", ours)
	})
}

// Many tenants share the memory. Those in a flood make room for the others.
func TestInventory_BoundsAllTenants(t *testing.T) {
	v, s := newInventory(t)
	s.set(func() { s.err = errDown })
	v.Record("quiet", request("https://a.example", 0))
	for i := range 60_000 {
		v.Record(fmt.Sprint("flooded", i%15), request(pageOf(i), i))
	}
	total := 0
	for i := range 15 {
		all, _ := v.Refusals(t.Context(), fmt.Sprint("flooded", i))
		total += len(all)
	}
	quiet, _ := v.Refusals(t.Context(), "quiet")
	if total > 10_000 || total < 9_000 || len(quiet) != 1 {
		t.Errorf("%d refusals of tenants in a flood, %d of another; want at most 10000, and 1", total, len(quiet))
	}
	if dropped := v.Status().Dropped; dropped != 60_000-uint64(total) {
		t.Errorf("%d requests dropped, %d refusals kept, of 60000", dropped, total)
	}
	for i := range 60_000 { // a stranger who knows the hosts of many tenants
		v.Record(fmt.Sprint("many", i%20_000), request("https://a.example", i))
	}
	kept := 0
	for i := range 20_000 {
		all, _ := v.Refusals(t.Context(), fmt.Sprint("many", i))
		kept += len(all)
	}
	if kept > 10_000 || kept < 9_000 {
		t.Errorf("%d refusals are kept of 20000 tenants, want at most 10000", kept)
	}
}

func TestInventory_HasRoomAgainAfterLongTexts(t *testing.T) {
	v, s := newInventory(t)
	s.set(func() { s.err = errDown })
	second := 0
	flood := func(end string) {
		for i := range 30_000 {
			second++
			r := request(pageOf(i)+end, second)
			r.Path += end
			v.Record(fmt.Sprint("flooded", i%15), r)
		}
	}
	for _, c := range []struct {
		texts, end string
		from, to   int
	}{
		{"long", strings.Repeat("x", 400), 1_500, 3_000},
		{"short", "", 9_000, 10_000},
	} {
		flood(c.end)
		kept := 0
		for i := range 15 {
			all, _ := v.Refusals(t.Context(), fmt.Sprint("flooded", i))
			kept += len(all)
		}
		if kept < c.from || kept > c.to {
			t.Errorf("%d refusals with %s texts are kept, want %d to %d", kept, c.texts, c.from, c.to)
		}
	}
}

func TestInventory_TruncatesInputToValidUTF8(t *testing.T) {
	for _, c := range []struct{ origin, path, method string }{
		{strings.Repeat("a", 1<<20), strings.Repeat("/b", 1<<20), strings.Repeat("M", 1<<20)},
		{strings.Repeat("é", 1000), strings.Repeat("é", 1000), "GET"},
		{strings.Repeat("a\xff", 1000), strings.Repeat("/\xff", 1000), "GET"},
		{"\xff\xfe", "/\xff", "\x00"},
		{"", "", ""},
	} {
		v, _ := newInventory(t)
		v.Record("acme", refusals.Request{Origin: c.origin, Reason: origins.OriginMalformed, Method: c.method, Path: c.path, Time: timeAt(0)})
		got := list(t, v, "acme")[0]
		if len(got.Origin) > origins.MaxLength || len(got.Path) > 128 || len(got.Method) > 8 || !utf8.ValidString(got.Origin) || !utf8.ValidString(got.Path) {
			t.Errorf("origin %.10q, path %.10q: recorded as %+v, want short and valid UTF-8", c.origin, c.path, got)
		}
	}
}

func TestInventory_DismissesWhatIsNotWritten(t *testing.T) {
	v, _ := newInventory(t)
	v.Record("acme", request("https://a.example", 1))
	if err := v.Dismiss(t.Context(), "acme", "https://a.example", timeAt(9)); err != nil {
		t.Fatal(err)
	}
	v.Record("acme", request("https://a.example", 20))
	if got := list(t, v, "acme"); len(got) != 1 || !got[0].Dismissed.Equal(timeAt(9)) || got[0].Count != 2 {
		t.Errorf("got %v, want a dismissed refusal with count 2", got)
	}
	if err := v.Dismiss(t.Context(), "acme", "https://b.example", timeAt(9)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown origin: error %v, want ErrNotFound", err)
	}
	if err := v.Dismiss(t.Context(), "acme", "https://a.example", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := list(t, v, "acme"); !got[0].Dismissed.IsZero() {
		t.Errorf("got %v, want none dismissed", got)
	}
}

// No count is lost, and none is seen twice, while refusals move to the store.
func TestInventory_AllowsConcurrentUse(t *testing.T) {
	v, _ := newInventory(t)
	var recording, moving sync.WaitGroup
	for range 4 {
		recording.Go(func() {
			for n := range 2000 {
				v.Record(fmt.Sprint(n%2), request(fmt.Sprintf("https://%d.example", n%10), n))
			}
		})
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	done := make(chan struct{})
	moving.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				v.Run(stopped) // flushes once
			}
		}
	})
	before := uint64(0)
	for range 50 {
		now := countOf(list(t, v, "1"))
		if now < before || now > 4000 {
			t.Errorf("a count of %d after %d", now, before)
		}
		before = now
	}
	recording.Wait()
	close(done)
	moving.Wait()
	if n := countOf(list(t, v, "0")) + countOf(list(t, v, "1")); n != 8000 {
		t.Errorf("count %d, want 8000", n)
	}
}
