package etcdtest_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
	undo "originwarden/store/history"
)

// keepsEarlierStores opens the keys that earlier versions have written: those before the
// history, and the first ones with it. Gateways made the same writes.
func keepsEarlierStores(t *testing.T, c *etcdtest.Cluster) {
	for _, row := range []struct {
		file     string
		records  []string
		refusals []string
	}{
		{file: "store-without-history.txt"},
		{
			file: "store-with-history.txt",
			records: []string{
				"created Shop by ops, 2 values", "created Portal by ops, 2 values", "created Old by ops, 2 values",
				"updated Shop by ops, 2 values", "deleted Old by ops, 2 values",
			},
			refusals: []string{"https://evil.example origin_not_listed 3 times"},
		},
	} {
		t.Run(row.file, func(t *testing.T) {
			o := newOptions(c)
			putKeys(t, c, o, row.file)
			s := openStoreWithPool(t, o)
			if got, want := listsOf(t, s), []string{
				"Portal by ops, 2026-11-30: https://portal.example",
				"Shop by ops, 2026-11-30: https://shop.example https://m.shop.example",
			}; !slices.Equal(got, want) {
				t.Errorf("lists %q, want %q", got, want)
			}
			if got := recordTexts(records(t, s, store.HistoryQuery{})); !slices.Equal(got, row.records) {
				t.Errorf("history %q, want %q", got, row.records)
			}
			if got := refusalTexts(t, s); !slices.Equal(got, row.refusals) {
				t.Errorf("refusals %q, want %q", got, row.refusals)
			}
			editsAndUndoes(t, s)
			wantConsistent(t, c, o)
		})
	}
}

// putKeys puts the keys and values of a file, a quoted pair a line, in one transaction.
// The file does not have the slots of removals, which every gateway adds.
func putKeys(t *testing.T, c *etcdtest.Cluster, o etcd.Options, name string) {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var puts []clientv3.Op
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var k, value string
		if _, err := fmt.Sscanf(lines.Text(), "%q %q", &k, &value); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		puts = append(puts, clientv3.OpPut(key(o, k), value))
	}
	if _, err := newClient(t, c).Txn(t.Context()).Then(puts...).Commit(); err != nil || len(puts) == 0 {
		t.Fatalf("putting %d keys: %v", len(puts), err)
	}
}

func listsOf(t *testing.T, s store.Store) (texts []string) {
	t.Helper()
	_, all, err := s.Load(withTimeout(t, time.Minute), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		texts = append(texts, fmt.Sprintf("%s by %s, %s: %s", w.Name, w.CreatedBy, w.Created.Format("2006-01-02"), strings.Join(w.ValidOrigins, " ")))
	}
	slices.Sort(texts)
	return texts
}

// recordTexts sorts the records by their times: putKeys has put all at one revision.
func recordTexts(all []store.Record) (texts []string) {
	slices.SortFunc(all, func(a, b store.Record) int { return a.Time.Compare(b.Time) })
	for _, r := range all {
		texts = append(texts, fmt.Sprintf("%s %s by %s, %d values", r.Operation, r.Name, r.Subject, len(r.Updates)))
	}
	return texts
}

func refusalTexts(t *testing.T, s *etcd.Store) (texts []string) {
	t.Helper()
	all, err := s.Refusals(withTimeout(t, time.Minute), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		texts = append(texts, fmt.Sprintf("%s %s %d times", r.Origin, r.Reason, r.Count))
	}
	return texts
}

// editsAndUndoes edits a web integration, which the history records, and undoes that.
func editsAndUndoes(t *testing.T, s store.Store) {
	t.Helper()
	ctx := withTimeout(t, time.Minute)
	at, err := s.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, all, _ := s.Load(ctx, "acme")
	w := all[slices.IndexFunc(all, func(w store.WebIntegration) bool { return w.Name == "Shop" })]
	set := func(entries ...string) store.WebIntegration {
		t.Helper()
		w, err := s.Edit(ctx, "acme", w.ID, func(w *store.WebIntegration) error { w.ValidOrigins = entries; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	edited := set("https://shop.example", "https://new.example")
	made := records(t, s, store.HistoryQuery{After: at.Revision})
	if len(made) != 1 || made[0].Revision != edited.Revision {
		t.Fatalf("records %+v, want one of the edit", made)
	}
	undone, err := undo.NewUndo(made[0], &edited, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := set(undone.ValidOrigins...).ValidOrigins; !slices.Equal(got, w.ValidOrigins) {
		t.Errorf("entries %q after an undo, want %q", got, w.ValidOrigins)
	}
}
