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

// keeperHarness runs a keeper of a cache in a synctest bubble.
type keeperHarness struct {
	lists.Keeper
	path string
	stop func() error

	mu        sync.Mutex
	at        store.Position
	confirmed time.Time
	logged    []string
}

// newKeeper returns a keeper of a cache whose lists are at revision 1.
func newKeeper(t *testing.T) *keeperHarness {
	t.Helper()
	return newKeeperIn(t, newDir(t))
}

// newKeeperIn is newKeeper with the directory at path.
func newKeeperIn(t *testing.T, path string) *keeperHarness {
	t.Helper()
	h := &keeperHarness{path: path, at: store.Position{Store: "one", Revision: 1}, confirmed: time.Now().Truncate(time.Second)}
	h.Disk = openDisk(t, h.path)
	h.Lists = liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 10, Origins: 100_000}}, func(context.Context, string) (*origins.List, error) {
		return newDatedList(1, 3), nil
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

func (h *keeperHarness) setPosition(at store.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

// logText returns what was logged so far.
func (h *keeperHarness) logText() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprint(h.logged)
}

func (h *keeperHarness) load(t *testing.T, tenant string) {
	t.Helper()
	if _, err := h.Lists.List(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
}

func (h *keeperHarness) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Keep(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = h.stop() }) // the last write needs the directory
}

func (h *keeperHarness) setRevision(revision uint64, confirmed time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at.Revision, h.confirmed = revision, confirmed
}

// snapshot returns what the snapshot on disk has to be.
func (h *keeperHarness) snapshot() *lists.Snapshot {
	s := &lists.Snapshot{Lists: map[string]*origins.List{}}
	s.At, s.Confirmed = h.State()
	for _, tenant := range h.Lists.Tenants() {
		s.Lists[tenant], _, _ = h.Lists.Peek(tenant)
	}
	return s
}

func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestKeeper_WritesChangesWithinOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		wantOnDisk(t, h.path, h.snapshot())
		for revision := uint64(2); revision < 20; revision++ {
			h.Lists.Apply(newChange("two", revision, fmt.Sprintf("https://at-%d.example", revision)))
			if revision == 10 {
				h.load(t, "other")
			}
			h.setRevision(revision, time.Now().Truncate(time.Second))
			advance(time.Second)
			wantOnDisk(t, h.path, h.snapshot())
		}
		h.Lists.StartOver()
		advance(time.Second)
		wantOnDisk(t, h.path, h.snapshot())
		if err := h.stop(); err != nil || len(h.logged) > 0 {
			t.Error(err, h.logged)
		}
	})
}

func TestKeeper_WritesBeforeItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		synctest.Wait()
		h.Lists.Apply(newDeletion("one", 2))
		h.setRevision(2, time.Now().Truncate(time.Second))
		if err := h.stop(); err != nil {
			t.Error(err)
		}
		wantOnDisk(t, h.path, h.snapshot())
	})
}

// A snapshot whose position is ahead of its lists would lose changes.
func TestKeeper_ReadsPositionBeforeLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		revision := uint64(1)
		h.State = func() (store.Position, time.Time) { // a change comes into force at each call
			revision++
			h.Lists.Apply(newChange("two", revision, "https://a.example"))
			return store.Position{Store: "one", Revision: revision}, time.Time{}
		}
		h.start(t)
		advance(time.Second)
		if s := readCopy(t, h.path); s.Lists["acme"].Revision() < s.At.Revision {
			t.Errorf("list at revision %d in a snapshot at revision %d", s.Lists["acme"].Revision(), s.At.Revision)
		}
	})
}

func TestKeeper_WritesPositionEveryFourSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(time.Second)
		first := h.snapshot()
		for i := range 3 {
			h.setRevision(uint64(2+i), time.Now().Truncate(time.Second))
			advance(time.Second)
		}
		wantOnDisk(t, h.path, first)
		advance(2 * time.Second)
		wantOnDisk(t, h.path, h.snapshot())
	})
}

func TestKeeper_WritesNothingWithoutConsistentState(t *testing.T) {
	two := store.Position{Store: "two", Revision: 1}
	rows := []struct {
		rule   string
		loaded bool
		at     []store.Position // returned in turn
	}{
		{"no position", true, []store.Position{{}}},
		{"store replaced meanwhile", true, []store.Position{{Store: "one", Revision: 1}, two}},
		{"no lists", false, []store.Position{two}},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			h := newKeeper(t)
			if row.loaded {
				h.load(t, "acme")
			}
			calls := 0
			h.State = func() (store.Position, time.Time) {
				calls++
				return row.at[calls%len(row.at)], time.Time{}
			}
			h.start(t)
			advance(time.Minute)
			if err := h.stop(); err != nil || calls == 0 {
				t.Errorf("%s: Keep returned %v after %d reads of the state", row.rule, err, calls)
			}
			d := openCopy(t, h.path)
			defer closeDisk(t, d)
			if s, err := d.Read(); !errors.Is(err, disk.ErrNone) {
				t.Errorf("%s: Read: %v, %v; want ErrNone", row.rule, s, err)
			}
		})
	}
}

// A store that was emptied and accepted has no revision yet, and the snapshot is
// of another store.
func TestKeeper_WritesAcceptedEmptyStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.start(t)
		advance(2 * time.Second)
		before := h.snapshot()
		h.setPosition(store.Position{})
		h.Lists.StartOver()
		advance(time.Minute)
		wantOnDisk(t, h.path, before)
		h.setPosition(store.Position{Store: "two"})
		advance(2 * time.Second)
		wantOnDisk(t, h.path, &lists.Snapshot{At: store.Position{Store: "two"}, Confirmed: before.Confirmed, Lists: map[string]*origins.List{}})
	})
}

func TestKeeper_ReportsFailureOnceAndRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		obstacle := filepath.Join(h.path, fileName)
		if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		var stateReads atomic.Int64
		state := h.State
		h.State = func() (store.Position, time.Time) {
			stateReads.Add(1)
			return state()
		}
		h.start(t)
		for revision := range uint64(60) {
			h.Lists.Apply(newChange("two", revision, "https://a.example"))
			advance(time.Second)
		}
		if got := h.logText(); got != "[true]" || stateReads.Load() > 2*16 {
			t.Errorf("logged %s, want one failure; the state was read %d times", got, stateReads.Load())
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		advance(5 * time.Second)
		if got := h.logText(); got != "[true false]" {
			t.Errorf("logged %s, want a failure and a success", got)
		}
		wantOnDisk(t, h.path, h.snapshot())
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestKeeper_ReturnsErrorOfLastWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.Log = nil
		h.load(t, "acme")
		if err := os.MkdirAll(filepath.Join(h.path, fileName, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		h.start(t)
		if err := h.stop(); err == nil {
			t.Error("no error is returned")
		}
	})
}

// The next gateway starts without the store and decides as this one did.
func TestKeeper_SnapshotRestoresListsAtNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newKeeper(t)
		h.load(t, "acme")
		h.load(t, "other")
		h.Lists.Apply(newChange("two", 8, "https://new.example"))
		h.Lists.Apply(newDeletion("one", 9))
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
		next.Apply(newChange("one", 4, "https://back.example")) // late
		next.Apply(newChange("two", 10, "https://newer.example"))
		for origin, want := range map[string]bool{"https://back.example": false, "https://new.example": false,
			"https://newer.example": true, "https://app-0.at-1.example": false} {
			if l, err := next.List(t.Context(), "acme"); err != nil || l.Contains(origin) != want {
				t.Errorf("%s: listed %v, want %v (%v)", origin, !want, want, err)
			}
		}
		if l, err := next.List(t.Context(), "other"); err != nil || !l.Contains("https://app-0.at-1.example") {
			t.Error(err)
		}
	})
}
