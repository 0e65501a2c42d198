//go:build linux

package fleet_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"originwarden/api/client"
	"originwarden/store"
)

// historian writes to web integrations of the tenant registers through all gateways,
// and checks the history against the writes that were acknowledged.
type historian struct {
	*fleet
	writing sync.WaitGroup
	stop    context.CancelFunc

	mu           sync.Mutex
	acknowledged map[uint64]event // by revision
	// uncertain are the web integrations, and the origins of created ones, with a
	// write of unknown outcome. No more writes to them are made.
	uncertain map[string]bool
}

// event is what a record is about.
type event struct{ kind, id, origin string }

const historians = 3

// writeHistory starts the writes.
func (f *fleet) writeHistory() *historian {
	ctx, stop := context.WithCancel(f.Context())
	h := &historian{fleet: f, stop: stop, acknowledged: map[uint64]event{}, uncertain: map[string]bool{}}
	for i := range historians {
		h.writing.Go(func() { h.work(ctx, i) })
	}
	return h
}

// finish ends the writes.
func (h *historian) finish() {
	h.stop()
	h.writing.Wait()
}

// work creates web integrations, adds an origin to each, and deletes every second one.
func (h *historian) work(ctx context.Context, who int) {
	for n := 0; pause(ctx, 100*time.Millisecond); n++ {
		name := fmt.Sprintf("historian %d, %d", who, n)
		first, second := "https://first-"+randomHex()+".example", "https://second-"+randomHex()+".example"
		created, err := h.someGateway().Create(context.Background(), name, []string{first})
		if !h.note(err, created.Revision, event{client.ChangeCreated, created.ID, first}, first) {
			continue
		}
		edit, err := h.someGateway().EditOrigins(context.Background(), created.ID, []string{second}, nil)
		if !h.note(err, edit.Revision, event{client.ChangeUpdated, created.ID, second}, created.ID) || n%2 == 0 {
			continue
		}
		deleted, err := h.someGateway().Delete(context.Background(), created.ID, "")
		h.note(err, deleted.Revision, event{client.ChangeDeleted, created.ID, first}, created.ID)
	}
}

func (h *historian) someGateway() *client.Client {
	return h.gateways[rand.IntN(fleetSize)].api(registers)
}

// note notes the outcome of a write, and reports whether it was made.
func (h *historian) note(err error, revision uint64, e event, uncertain string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch outcomeOf(err) {
	case done:
		if was, again := h.acknowledged[revision]; again {
			h.reportf("%v and %v were both acknowledged at revision %d", was, e, revision)
		}
		h.acknowledged[revision] = e
		return true
	case unknown:
		h.uncertain[uncertain] = true
	case failed:
		h.reportf("%v: %v", e, err)
	}
	return false
}

// check checks that all gateways have the same history, and that it has every
// acknowledged write once and leads to the lists of now. It returns the number of
// records, and of writes whose outcome was unknown.
func (h *historian) check() (records, unknown int) {
	h.Helper()
	all := h.readForward(0)
	for i := range fleetSize {
		backward := h.readBackward(i)
		slices.Reverse(backward)
		h.compareHistories(fmt.Sprintf("gateway %d, backward", i), all, backward)
		h.compareHistories(fmt.Sprintf("gateway %d, forward", i), all, h.readForward(i))
	}
	h.checkRecords(all)
	h.checkReplay(all)
	return len(all), len(h.uncertain)
}

// readForward reads all pages from the oldest record on.
func (h *historian) readForward(gateway int) []client.Change {
	h.Helper()
	return h.readAll(gateway, client.ChangeOptions{Since: new(uint64), Limit: 37})
}

// readBackward reads all pages from the newest record on.
func (h *historian) readBackward(gateway int) []client.Change {
	h.Helper()
	return h.readAll(gateway, client.ChangeOptions{Limit: 41})
}

func (h *historian) readAll(gateway int, o client.ChangeOptions) (all []client.Change) {
	h.Helper()
	for change, err := range h.gateways[gateway].api(registers).Changes(h.Context(), o) {
		if err != nil {
			h.Fatalf("gateway %d: %v", gateway, err)
		}
		all = append(all, change)
	}
	return all
}

func (h *historian) compareHistories(what string, want, got []client.Change) {
	h.Helper()
	same := slices.EqualFunc(want, got, func(a, b client.Change) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
	if !same {
		h.Fatalf("%s: %d records; the history forward at gateway 0 has %d, or others", what, len(got), len(want))
	}
}

// checkRecords checks the order of the records, and each of them.
func (h *historian) checkRecords(all []client.Change) {
	h.Helper()
	if !slices.IsSortedFunc(all, compareChanges) {
		h.Error("the records are not in the order of their revisions")
	}
	found := map[uint64]int{}
	for _, change := range all {
		made, acknowledged := h.acknowledged[change.Data.Revision]
		found[change.Data.Revision]++
		origin := originPattern().FindString(fmt.Sprintf("%s", change.Data.Updates))
		switch {
		case acknowledged && made != event{change.Type, change.Data.ID, origin}:
			h.Errorf("revision %d is recorded as %+v, but acknowledged was %v", change.Data.Revision, change, made)
		case !acknowledged && !h.uncertain[change.Data.ID] && !h.uncertain[origin]:
			h.Errorf("a record that no write made: %+v", change)
		}
	}
	for revision, made := range h.acknowledged {
		if found[revision] != 1 {
			h.Errorf("%v was acknowledged at revision %d, which has %d records", made, revision, found[revision])
		}
	}
}

func compareChanges(a, b client.Change) int {
	ra, na, _ := store.ParseRecordID(a.ID)
	rb, nb, _ := store.ParseRecordID(b.ID)
	return cmp.Or(cmp.Compare(ra, rb), cmp.Compare(na, nb))
}

// checkReplay checks that the changes lead to the lists of now: none is missing.
func (h *historian) checkReplay(all []client.Change) {
	h.Helper()
	replayed := map[string]int{} // the number of entries, by id
	for _, change := range all {
		switch change.Type {
		case client.ChangeCreated:
			replayed[change.Data.ID] = 1
		case client.ChangeUpdated:
			replayed[change.Data.ID]++
		default:
			delete(replayed, change.Data.ID)
		}
	}
	for w, err := range h.gateways[0].api(registers).All(h.Context(), client.ListOptions{Limit: 100}) {
		if err != nil {
			h.Fatal(err)
		}
		if replayed[w.ID] != len(w.ValidOrigins) {
			h.Errorf("%s has %v, after the history %d entries", w.Name, w.ValidOrigins, replayed[w.ID])
		}
		delete(replayed, w.ID)
	}
	if len(replayed) > 0 {
		h.Errorf("not listed, but not deleted in the history: %v", replayed)
	}
}

// undoElsewhere undoes a change through another gateway than the one that made it.
func (h *historian) undoElsewhere() {
	h.Helper()
	apis := []*client.Client{h.gateways[0].api(registers), h.gateways[1].api(registers), h.gateways[2].api(registers)}
	made, err := apis[0].Create(h.Context(), "undone", []string{"https://stays.example"})
	if err != nil {
		h.Fatal(err)
	}
	added, err := apis[0].EditOrigins(h.Context(), made.ID, []string{"https://goes.example"}, nil)
	if err != nil {
		h.Fatal(err)
	}
	undone, err := apis[1].UndoChange(h.Context(), fmt.Sprint(added.Revision), client.Undo{})
	if err != nil {
		h.Fatal(err)
	}
	now, err := apis[2].Get(h.Context(), made.ID)
	if err != nil || fmt.Sprint(now.ValidOrigins) != "[https://stays.example]" {
		h.Errorf("after the undo: %v, %v", now.ValidOrigins, err)
	}
	for i := range apis {
		last := h.readBackward(i)[0]
		if last.Data.Revision != undone.Revision || last.Data.ID != made.ID || last.UserID != "fleet" {
			h.Errorf("gateway %d: the last change is %+v, want the undo at %d", i, last, undone.Revision)
		}
	}
}
