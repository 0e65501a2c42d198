package lists_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/store"
)

// house is a keeper of a cache, in a bubble.
type house struct {
	lists.Keeper
	path string
	stop func() error

	mu        sync.Mutex
	at        store.Position
	confirmed time.Time
	logged    []string
}

// keeping starts a keeper of a cache that has acme's list, at revision 1.
func keeping(t *testing.T) *house {
	t.Helper()
	return keepingIn(t, dir(t))
}

// keepingIn is keeping in a directory of that path.
func keepingIn(t *testing.T, path string) *house {
	t.Helper()
	h := &house{path: path, at: store.Position{Store: "one", Revision: 1}, confirmed: time.Now().Truncate(time.Second)}
	h.Disk = open(t, h.path)
	h.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 100_000}}, func(context.Context, string) (*origins.List, error) {
		return datedListing(1, 3), nil
	})
	h.State = func() (store.Position, time.Time) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.at, h.confirmed
	}
	h.Log = func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.logged = append(h.logged, fmt.Sprint(err != nil))
	}
	return h
}

func (h *house) tell(at store.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

// log is what was logged so far.
func (h *house) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprint(h.logged)
}

func (h *house) load(t *testing.T, tenant string) {
	t.Helper()
	if _, err := h.Lists.List(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
}

func (h *house) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Keep(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = h.stop() }) // the last write is made while the directory is there
}

func (h *house) move(revision uint64, confirmed time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at.Revision, h.confirmed = revision, confirmed
}

// now is what the snapshot should be, if it is not behind.
func (h *house) now() *lists.Snapshot {
	s := &lists.Snapshot{Lists: map[string]*origins.List{}}
	s.At, s.Confirmed = h.State()
	for _, tenant := range h.Lists.Tenants() {
		s.Lists[tenant], _, _ = h.Lists.Peek(tenant)
	}
	return s
}

func pass(d time.Duration) {
	time.Sleep(d) // in a bubble
	synctest.Wait()
}

func TestKeeper_IsAtMostASecondBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		wantCopy(t, h.path, h.now())
		for revision := uint64(2); revision < 20; revision++ {
			h.Lists.Apply(changed("two", revision, fmt.Sprintf("https://at-%d.example", revision)))
			if revision == 10 {
				h.load(t, "other")
			}
			h.move(revision, time.Now().Truncate(time.Second))
			pass(time.Second)
			wantCopy(t, h.path, h.now())
		}
		h.Lists.StartOver()
		pass(time.Second)
		wantCopy(t, h.path, h.now())
		if err := h.stop(); err != nil || len(h.logged) > 0 {
			t.Error(err, h.logged)
		}
	})
}

func TestKeeper_WritesOnceMoreAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		synctest.Wait()
		h.Lists.Apply(deleted("one", 2))
		h.move(2, time.Now().Truncate(time.Second))
		if err := h.stop(); err != nil {
			t.Error(err)
		}
		wantCopy(t, h.path, h.now())
	})
}

// A snapshot whose position is ahead of its lists would lose changes.
func TestKeeper_ReadsThePositionBeforeTheLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		revision := uint64(1)
		h.State = func() (store.Position, time.Time) { // each time, a change has just come into force
			revision++
			h.Lists.Apply(changed("two", revision, "https://a.example"))
			return store.Position{Store: "one", Revision: revision}, time.Time{}
		}
		h.start(t)
		pass(time.Second)
		if s := readCopy(t, h.path); s.Lists["acme"].Revision() < s.At.Revision {
			t.Errorf("a list at %d in a snapshot at %d", s.Lists["acme"].Revision(), s.At.Revision)
		}
	})
}

func TestKeeper_WritesThePositionAloneEveryFourSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(time.Second)
		first := h.now()
		for i := range 3 {
			h.move(uint64(2+i), time.Now().Truncate(time.Second))
			pass(time.Second)
		}
		wantCopy(t, h.path, first)
		pass(2 * time.Second)
		wantCopy(t, h.path, h.now())
	})
}

func TestKeeper_WritesNothingThatIsNoStores(t *testing.T) {
	two := store.Position{Store: "two", Revision: 1}
	rows := []struct {
		rule   string
		loaded bool
		at     []store.Position // as it is told in turn
	}{
		{"nothing is in force", true, []store.Position{{}}},
		{"the store is replaced meanwhile", true, []store.Position{{Store: "one", Revision: 1}, two}},
		{"no list was ever there", false, []store.Position{two}},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			h := keeping(t)
			if row.loaded {
				h.load(t, "acme")
			}
			told := 0
			h.State = func() (store.Position, time.Time) {
				told++
				return row.at[told%len(row.at)], time.Time{}
			}
			h.start(t)
			pass(time.Minute)
			if err := h.stop(); err != nil || told == 0 {
				t.Errorf("%s: %v after %d", row.rule, err, told)
			}
			d := copied(t, h.path)
			defer shut(t, d)
			if s, err := d.Read(); !errors.Is(err, disk.ErrNone) {
				t.Errorf("%s: %v, %v", row.rule, s, err)
			}
		})
	}
}

// A store that was emptied and taken as it is has no revision yet, and what was
// kept is of another one.
func TestKeeper_WritesThatAnEmptyStoreWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.start(t)
		pass(2 * time.Second)
		before := h.now()
		h.tell(store.Position{})
		h.Lists.StartOver()
		pass(time.Minute)
		wantCopy(t, h.path, before)
		h.tell(store.Position{Store: "two"})
		pass(2 * time.Second)
		wantCopy(t, h.path, &lists.Snapshot{At: store.Position{Store: "two"}, Confirmed: before.Confirmed, Lists: map[string]*origins.List{}})
	})
}

func TestKeeper_ReportsAFailureOnceAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		obstacle := filepath.Join(h.path, fileName)
		if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int64
		state := h.State
		h.State = func() (store.Position, time.Time) {
			asked.Add(1)
			return state()
		}
		h.start(t)
		for revision := range uint64(60) {
			h.Lists.Apply(changed("two", revision, "https://a.example"))
			pass(time.Second)
		}
		if got := h.log(); got != "[true]" || asked.Load() > 2*16 {
			t.Errorf("logged %s, want one failure; asked %d times for what might be written", got, asked.Load())
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if got := h.log(); got != "[true false]" {
			t.Errorf("logged %s, want that it works again", got)
		}
		wantCopy(t, h.path, h.now())
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestKeeper_TellsOfAFailureAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.Log = nil
		h.load(t, "acme")
		if err := os.MkdirAll(filepath.Join(h.path, fileName, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		h.start(t)
		if err := h.stop(); err == nil {
			t.Error("nothing is told")
		}
	})
}

// The gateway that starts next, without the store, decides as this one did.
func TestKeeper_FillsTheCacheOfTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keeping(t)
		h.load(t, "acme")
		h.load(t, "other")
		h.Lists.Apply(changed("two", 8, "https://new.example"))
		h.Lists.Apply(deleted("one", 9))
		h.start(t)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		next := liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 1000}}, func(context.Context, string) (*origins.List, error) {
			return nil, errors.New("the store is down")
		})
		s := readCopy(t, h.path)
		for tenant, l := range s.Lists {
			next.RestoreList(tenant, l, s.Confirmed)
		}
		next.Apply(changed("one", 4, "https://back.example")) // late
		next.Apply(changed("two", 10, "https://newer.example"))
		for origin, want := range map[string]bool{"https://back.example": false, "https://new.example": false,
			"https://newer.example": true, "https://app-0.at-1.example": false} {
			if l, err := next.List(t.Context(), "acme"); err != nil || l.Contains(origin) != want {
				t.Errorf("%s: listed %v, %v", origin, !want, err)
			}
		}
		if l, err := next.List(t.Context(), "other"); err != nil || !l.Contains("https://app-0.at-1.example") {
			t.Error(err)
		}
	})
}
