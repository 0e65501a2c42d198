package disk_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/origins"
	"originwarden/store"
)

func open(t testing.TB, path string) *disk.Disk {
	t.Helper()
	d, err := disk.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // again, maybe
	return d
}

func shut(t testing.TB, d *disk.Disk) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func write(t testing.TB, d *disk.Disk, s *lists.Snapshot) {
	t.Helper()
	if err := d.Write(s); err != nil {
		t.Fatal(err)
	}
}

// audit has the file count the rows that are written and deleted from now on.
func audit(t *testing.T, path string) {
	t.Helper()
	shell(t, path, `CREATE TABLE audit (row INTEGER);
		CREATE TRIGGER inserted AFTER INSERT ON lists BEGIN INSERT INTO audit VALUES (new.id); END;
		CREATE TRIGGER updated AFTER UPDATE ON lists BEGIN INSERT INTO audit VALUES (new.id); END;
		CREATE TRIGGER deleted AFTER DELETE ON lists BEGIN INSERT INTO audit VALUES (old.id); END`)
}

// wantAudited wants that many rows to have been written or deleted since the
// last time.
func wantAudited(t *testing.T, path, rule string, want int) {
	t.Helper()
	if got := ask(t, path, "SELECT count(*) FROM audit"); got != want {
		t.Errorf("%s: %d rows were written, want %d", rule, got, want)
	}
	shell(t, path, "DELETE FROM audit")
}

// shell runs statements as sqlite3 does.
func shell(t *testing.T, path, statements string) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, path, query string) (n int) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(path, disk.FileName))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func read(t testing.TB, d *disk.Disk) *lists.Snapshot {
	t.Helper()
	s, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dir is a directory that is not there yet.
func dir(t *testing.T) string { return filepath.Join(t.TempDir(), "lists") }

func changed(id string, revision uint64, listed ...string) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision, Origins: listed}}
}

func deleted(id string, revision uint64) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
}

// at returns a snapshot of these lists at a revision, confirmed then.
func at(revision uint64, all map[string]*origins.List) *lists.Snapshot {
	return &lists.Snapshot{At: store.Position{Store: "one", Revision: revision},
		Confirmed: time.Unix(1_700_000_000+int64(revision), 0), Lists: maps.Clone(all)}
}

// listing returns a list of one web integration of n origins.
func listing(revision uint64, n int) *origins.List {
	p := origins.Part{ID: "one", Revision: revision}
	for i := range n {
		p.Origins = append(p.Origins, fmt.Sprintf("https://app-%d.at-%d.example", i, revision))
	}
	return origins.NewList(revision, []origins.Part{p})
}

// contents are what makes a list, in an order.
func contents(l *origins.List) string {
	all := slices.Collect(l.Changes("acme"))
	for i := range all {
		slices.Sort(all[i].Origins)
	}
	slices.SortFunc(all, func(a, b origins.Change) int { return strings.Compare(a.ID, b.ID) })
	return fmt.Sprint(l.CompleteTo(), l.Revision(), l.Len(), all)
}

func wantSame(t testing.TB, got, want *lists.Snapshot) {
	t.Helper()
	if got.At != want.At || !got.Confirmed.Equal(want.Confirmed) {
		t.Errorf("it is at %v, confirmed %v; want %v, %v", got.At, got.Confirmed, want.At, want.Confirmed)
	}
	if len(got.Lists) != len(want.Lists) {
		t.Errorf("it has %d lists, want %d", len(got.Lists), len(want.Lists))
	}
	for tenant, l := range want.Lists {
		if got.Lists[tenant] == nil {
			t.Errorf("%s has no list", tenant)
		} else if got, want := contents(got.Lists[tenant]), contents(l); got != want {
			t.Errorf("the list of %s is %.300s…, want %.300s…", tenant, got, want)
		}
	}
}

func TestRead_SaysThatThereIsNone(t *testing.T) {
	s, err := open(t, dir(t)).Read()
	if !errors.Is(err, disk.ErrNone) || !errors.Is(err, fs.ErrNotExist) || s != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestRead_ReturnsWhatWasWrittenLast(t *testing.T) {
	empty := origins.NewList(4, nil)
	edited := listing(5, 3).With(changed("two", 7, "capacitor://localhost", "https://a.example")).With(deleted("one", 6))
	bare := listing(1, 1).With(changed("none", 2))
	rows := []struct {
		rule string
		of   *lists.Snapshot
	}{
		{"no lists", at(1, nil)},
		{"an empty one", at(4, map[string]*origins.List{"acme": empty})},
		{"several", at(9, map[string]*origins.List{"acme": edited, "other": listing(3, 500), "": bare})},
		{"never confirmed", &lists.Snapshot{At: store.Position{Store: "one", Revision: 1}}},
		{"the greatest revision", &lists.Snapshot{At: store.Position{Store: "one", Revision: 1<<64 - 1}}},
		{"no identity", &lists.Snapshot{}},
	}
	path := dir(t)
	for _, row := range rows {
		d := open(t, path)
		write(t, d, row.of)
		shut(t, d)
		d = open(t, path)
		got := read(t, d)
		t.Log(row.rule)
		wantSame(t, got, row.of)
		if got.Confirmed.IsZero() != row.of.Confirmed.IsZero() {
			t.Errorf("%s: confirmed %v, want %v", row.rule, got.Confirmed, row.of.Confirmed)
		}
		shut(t, d)
	}
}

func TestRead_TakesATimeToComeForNone(t *testing.T) {
	d := open(t, dir(t))
	write(t, d, &lists.Snapshot{Confirmed: time.Now().Add(time.Hour)})
	if got := read(t, d).Confirmed; !got.IsZero() {
		t.Errorf("confirmed %v", got)
	}
}

// Whatever is changed between writes, and whoever wrote, the last write is what
// is there; and it takes no more space than it needs.
func TestWrite_KeepsWhatItIsGivenHoweverThatChanges(t *testing.T) {
	for seed := range uint64(2) {
		random, path := rand.New(rand.NewPCG(seed, 7)), dir(t)
		lists := map[string]*origins.List{}
		d := open(t, path)
		for revision := uint64(1); revision < 100; revision++ {
			alter(random, lists, revision)
			s := at(revision, lists)
			write(t, d, s)
			if random.IntN(10) == 0 { // another process goes on
				shut(t, d)
				d = open(t, path)
				lists = read(t, d).Lists
			}
			if random.IntN(5) == 0 {
				wantSame(t, read(t, d), s)
			}
			if random.IntN(5) == 0 {
				wantTidy(t, path, lists)
			}
		}
		shut(t, d)
	}
}

func alter(random *rand.Rand, lists map[string]*origins.List, revision uint64) {
	for range random.IntN(4) {
		tenant := fmt.Sprint("tenant-", random.IntN(30))
		switch l := lists[tenant]; {
		case l == nil || random.IntN(4) == 0:
			lists[tenant] = listing(revision, random.IntN(200))
		case random.IntN(3) == 0:
			delete(lists, tenant)
		case random.IntN(3) == 0:
			lists[tenant] = l.With(deleted("one", revision))
		default:
			lists[tenant] = l.With(changed(fmt.Sprint("part-", random.IntN(5)), revision, "https://x.example", fmt.Sprintf("https://y-%d.example", revision)))
		}
	}
	if random.IntN(60) == 0 {
		clear(lists)
	}
}

func wantTidy(t *testing.T, path string, lists map[string]*origins.List) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh")
	d := open(t, fresh)
	write(t, d, at(1, lists))
	shut(t, d)
	files, have := size(t, path)
	_, need := size(t, fresh)
	if files > 3 || have > 3*need/2+16<<10 { // pages are not full
		t.Errorf("%d files of %d bytes for what takes %d", files, have, need)
	}
}

func size(t *testing.T, path string) (files int, bytes int64) {
	t.Helper()
	all, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return len(all), bytes
}

func TestWrite_WritesOnlyWhatChanged(t *testing.T) {
	four := origins.NewList(1, []origins.Part{{ID: "one", Revision: 1, Origins: []string{"https://a.example", "https://b.example"}},
		{ID: "two", Revision: 1, Origins: []string{"https://a.example"}}, {ID: "three", Revision: 1}})
	lists := map[string]*origins.List{"acme": four, "other": listing(1, 100)}
	rows := []struct {
		rule   string
		change func()
		want   int // rows, beside the position's
	}{
		{"the position alone", func() {}, 0},
		{"one web integration", func() { lists["acme"] = lists["acme"].With(changed("one", 2, "https://new.example")) }, 1},
		{"another one", func() { lists["acme"] = lists["acme"].With(changed("four", 3, "https://new.example")) }, 1},
		{"a deletion, which is remembered", func() { lists["acme"] = lists["acme"].With(deleted("two", 4)) }, 1},
		{"the same, loaded again", func() { lists["other"] = listing(1, 100) }, 0},
		{"loaded again at another revision", func() { lists["other"] = origins.NewList(5, slices.Collect(parts(lists["other"]))) }, 1},
		{"loaded again, with all that was deleted forgotten", func() { lists["acme"] = origins.NewList(4, slices.Collect(parts(lists["acme"]))) }, 2},
		{"a list more", func() { lists["more"] = listing(6, 1) }, 2},
		{"a list less", func() { delete(lists, "other") }, 2},
		{"none", func() { clear(lists) }, 6},
	}
	path := dir(t)
	d := open(t, path)
	write(t, d, at(1, lists))
	audit(t, path)
	for i, row := range rows {
		row.change()
		s := at(uint64(i+2), lists)
		write(t, d, s)
		wantAudited(t, path, row.rule, row.want)
		wantSame(t, readCopy(t, path), s)
	}
}

// What did not change is not even encoded.
func TestWrite_CostsWhatChanged(t *testing.T) {
	const integrations = 100
	parts := make([]origins.Part, integrations)
	for i := range parts {
		parts[i] = origins.Part{ID: fmt.Sprint(i), Revision: 1, Origins: slices.Collect(hosts(i, 300))}
	}
	lists := map[string]*origins.List{"acme": origins.NewList(1, parts)}
	for i := range 1000 {
		lists[fmt.Sprint("tenant-", i)] = listing(1, 0)
	}
	d := open(t, dir(t))
	all := allocated(func() { write(t, d, at(1, lists)) })
	lists["acme"] = lists["acme"].With(changed("7", 2, "https://new.example"))
	if one := allocated(func() { write(t, d, at(2, lists)) }); one > all/20 {
		t.Errorf("one of %d web integrations takes %d bytes of memory, all take %d", integrations, one, all)
	}
	if none := testing.AllocsPerRun(3, func() { write(t, d, at(3, lists)) }); none > 500 {
		t.Errorf("the position takes %v allocations", none)
	}
}

func hosts(of, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("https://app-%d.of-%d.example", i, of)) {
				return
			}
		}
	}
}

// allocated returns how many bytes of memory do needs.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// parts are the web integrations of a list.
func parts(l *origins.List) iter.Seq[origins.Part] {
	return func(yield func(origins.Part) bool) {
		for c := range l.Changes("") {
			if !c.Deleted && !yield(c.Part) {
				return
			}
		}
	}
}

func TestWrite_GivesBackTheRoomOfWhatHasGone(t *testing.T) {
	lists := map[string]*origins.List{}
	for i := range 100 {
		lists[fmt.Sprint("tenant-", i)] = listing(1, 100)
	}
	path := dir(t)
	d := open(t, path)
	write(t, d, at(1, lists))
	_, all := size(t, path)
	for i := range 90 {
		delete(lists, fmt.Sprint("tenant-", i))
	}
	write(t, d, at(2, lists))
	if _, have := size(t, path); have > all/5 {
		t.Errorf("%d bytes for a tenth of %d", have, all)
	}
	wantSame(t, read(t, d), at(2, lists))
}

func TestWrite_KeepsFewFiles(t *testing.T) {
	lists, path := map[string]*origins.List{}, dir(t)
	d := open(t, path)
	for i := range uint64(100) {
		lists[fmt.Sprint("tenant-", i)] = listing(i, 10)
		write(t, d, at(i, lists))
		if n, _ := size(t, path); n > 3 { // the lock, the lists, their journal
			t.Fatalf("%d files after %d writes", n, i+1)
		}
	}
	wantSame(t, read(t, d), at(99, lists))
}

func TestWrite_GoesOnFromWhatWasRead(t *testing.T) {
	path := dir(t)
	lists := map[string]*origins.List{"other": listing(1, 100).With(deleted("two", 2))}
	for i := range 100 {
		lists[fmt.Sprint("tenant-", i)] = listing(1, 100)
	}
	d := open(t, path)
	write(t, d, at(1, lists))
	audit(t, path)
	shut(t, d)
	d = open(t, path)
	s := read(t, d)
	s.Lists["new"] = listing(2, 1)
	write(t, d, s)
	wantAudited(t, path, "one list more", 2)
	wantSame(t, read(t, d), s)
}
