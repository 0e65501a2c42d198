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

func openDisk(t testing.TB, path string) *disk.Disk {
	t.Helper()
	d, err := disk.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // if the test has not closed it
	return d
}

func closeDisk(t testing.TB, d *disk.Disk) {
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

// startAudit makes the database record the rows that are written and deleted from
// now on.
func startAudit(t *testing.T, path string) {
	t.Helper()
	execSQL(t, path, `CREATE TABLE audit (row INTEGER);
		CREATE TRIGGER inserted AFTER INSERT ON lists BEGIN INSERT INTO audit VALUES (new.id); END;
		CREATE TRIGGER updated AFTER UPDATE ON lists BEGIN INSERT INTO audit VALUES (new.id); END;
		CREATE TRIGGER deleted AFTER DELETE ON lists BEGIN INSERT INTO audit VALUES (old.id); END`)
}

// wantAudited checks the number of rows that were written or deleted since the
// last call.
func wantAudited(t *testing.T, path, rule string, want int) {
	t.Helper()
	if got := queryInt(t, path, "SELECT count(*) FROM audit"); got != want {
		t.Errorf("%s: %d rows written, want %d", rule, got, want)
	}
	execSQL(t, path, "DELETE FROM audit")
}

// execSQL executes statements from outside of the program.
func execSQL(t *testing.T, path, statements string) {
	t.Helper()
	db := openSQLite(t, path)
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func queryInt(t *testing.T, path, query string) (n int) {
	t.Helper()
	db := openSQLite(t, path)
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func openSQLite(t *testing.T, path string) *sql.DB {
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

// newDir returns the path of a directory that does not exist yet.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "lists") }

func newChange(id string, revision uint64, listed ...string) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision, Origins: listed}}
}

func newDeletion(id string, revision uint64) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
}

// snapshotAt returns a snapshot of lists at a revision. The time of its
// confirmation depends on the revision.
func snapshotAt(revision uint64, all map[string]*origins.List) *lists.Snapshot {
	return &lists.Snapshot{At: store.Position{Store: "one", Revision: revision},
		Confirmed: time.Unix(1_700_000_000+int64(revision), 0), Lists: maps.Clone(all)}
}

// newDatedList returns a list of one web integration with n origins that name
// the revision.
func newDatedList(revision uint64, n int) *origins.List {
	p := origins.Part{ID: "one", Revision: revision}
	for i := range n {
		p.Origins = append(p.Origins, fmt.Sprintf("https://app-%d.at-%d.example", i, revision))
	}
	return origins.NewList(revision, []origins.Part{p})
}

// describeList returns the contents of a list in a fixed order.
func describeList(l *origins.List) string {
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
		t.Errorf("snapshot at %v, confirmed %v; want %v, %v", got.At, got.Confirmed, want.At, want.Confirmed)
	}
	if len(got.Lists) != len(want.Lists) {
		t.Errorf("snapshot has %d lists, want %d", len(got.Lists), len(want.Lists))
	}
	for tenant, l := range want.Lists {
		if got.Lists[tenant] == nil {
			t.Errorf("%s has no list", tenant)
		} else if got, want := describeList(got.Lists[tenant]), describeList(l); got != want {
			t.Errorf("the list of %s is %.300s…, want %.300s…", tenant, got, want)
		}
	}
}

func TestRead_ReturnsErrNoneWithoutFile(t *testing.T) {
	s, err := openDisk(t, newDir(t)).Read()
	if !errors.Is(err, disk.ErrNone) || !errors.Is(err, fs.ErrNotExist) || s != nil {
		t.Errorf("Read: %v, %v; want ErrNone", s, err)
	}
}

func TestRead_ReturnsLastWrite(t *testing.T) {
	empty := origins.NewList(4, nil)
	edited := newDatedList(5, 3).With(newChange("two", 7, "capacitor://localhost", "https://a.example")).With(newDeletion("one", 6))
	bare := newDatedList(1, 1).With(newChange("none", 2))
	rows := []struct {
		rule    string
		written *lists.Snapshot
	}{
		{"no lists", snapshotAt(1, nil)},
		{"empty list", snapshotAt(4, map[string]*origins.List{"acme": empty})},
		{"several lists", snapshotAt(9, map[string]*origins.List{"acme": edited, "other": newDatedList(3, 500), "": bare})},
		{"never confirmed", &lists.Snapshot{At: store.Position{Store: "one", Revision: 1}}},
		{"greatest revision", &lists.Snapshot{At: store.Position{Store: "one", Revision: 1<<64 - 1}}},
		{"no identity", &lists.Snapshot{}},
	}
	path := newDir(t)
	for _, row := range rows {
		d := openDisk(t, path)
		write(t, d, row.written)
		closeDisk(t, d)
		d = openDisk(t, path)
		got := read(t, d)
		t.Log(row.rule)
		wantSame(t, got, row.written)
		if got.Confirmed.IsZero() != row.written.Confirmed.IsZero() {
			t.Errorf("%s: confirmed %v, want %v", row.rule, got.Confirmed, row.written.Confirmed)
		}
		closeDisk(t, d)
	}
}

func TestRead_IgnoresConfirmationInTheFuture(t *testing.T) {
	d := openDisk(t, newDir(t))
	write(t, d, &lists.Snapshot{Confirmed: time.Now().Add(time.Hour)})
	if got := read(t, d).Confirmed; !got.IsZero() {
		t.Errorf("confirmed %v, want the zero time", got)
	}
}

// Random changes between writes, also by another process: Read returns the last
// write, and the files take no more space than needed.
func TestWrite_KeepsSnapshotAfterRandomChanges(t *testing.T) {
	for seed := range uint64(2) {
		random, path := rand.New(rand.NewPCG(seed, 7)), newDir(t)
		lists := map[string]*origins.List{}
		d := openDisk(t, path)
		for revision := uint64(1); revision < 100; revision++ {
			changeLists(random, lists, revision)
			s := snapshotAt(revision, lists)
			write(t, d, s)
			if random.IntN(10) == 0 { // as after a restart
				closeDisk(t, d)
				d = openDisk(t, path)
				lists = read(t, d).Lists
			}
			if random.IntN(5) == 0 {
				wantSame(t, read(t, d), s)
			}
			if random.IntN(5) == 0 {
				wantSmallFiles(t, path, lists)
			}
		}
		closeDisk(t, d)
	}
}

func changeLists(random *rand.Rand, lists map[string]*origins.List, revision uint64) {
	for range random.IntN(4) {
		tenant := fmt.Sprint("tenant-", random.IntN(30))
		switch l := lists[tenant]; {
		case l == nil || random.IntN(4) == 0:
			lists[tenant] = newDatedList(revision, random.IntN(200))
		case random.IntN(3) == 0:
			delete(lists, tenant)
		case random.IntN(3) == 0:
			lists[tenant] = l.With(newDeletion("one", revision))
		default:
			lists[tenant] = l.With(newChange(fmt.Sprint("part-", random.IntN(5)), revision, "https://x.example", fmt.Sprintf("https://y-%d.example", revision)))
		}
	}
	if random.IntN(60) == 0 {
		clear(lists)
	}
}

func wantSmallFiles(t *testing.T, path string, lists map[string]*origins.List) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh")
	d := openDisk(t, fresh)
	write(t, d, snapshotAt(1, lists))
	closeDisk(t, d)
	files, have := dirSize(t, path)
	_, need := dirSize(t, fresh)
	if files > 3 || have > 3*need/2+16<<10 { // SQLite's pages are not full
		t.Errorf("%d files of %d bytes, a new directory takes %d bytes", files, have, need)
	}
}

func dirSize(t *testing.T, path string) (files int, bytes int64) {
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
	lists := map[string]*origins.List{"acme": four, "other": newDatedList(1, 100)}
	rows := []struct {
		rule   string
		change func()
		want   int // number of rows, except for the position's
	}{
		{"only the position", func() {}, 0},
		{"one web integration", func() { lists["acme"] = lists["acme"].With(newChange("one", 2, "https://new.example")) }, 1},
		{"another web integration", func() { lists["acme"] = lists["acme"].With(newChange("four", 3, "https://new.example")) }, 1},
		{"deletion, which is remembered", func() { lists["acme"] = lists["acme"].With(newDeletion("two", 4)) }, 1},
		{"same list loaded again", func() { lists["other"] = newDatedList(1, 100) }, 0},
		{"same list loaded at another revision", func() { lists["other"] = origins.NewList(5, slices.Collect(parts(lists["other"]))) }, 1},
		{"loaded again without the deletion", func() { lists["acme"] = origins.NewList(4, slices.Collect(parts(lists["acme"]))) }, 2},
		{"added list", func() { lists["more"] = newDatedList(6, 1) }, 2},
		{"removed list", func() { delete(lists, "other") }, 2},
		{"all lists removed", func() { clear(lists) }, 6},
	}
	path := newDir(t)
	d := openDisk(t, path)
	write(t, d, snapshotAt(1, lists))
	startAudit(t, path)
	for i, row := range rows {
		row.change()
		s := snapshotAt(uint64(i+2), lists)
		write(t, d, s)
		wantAudited(t, path, row.rule, row.want)
		wantSame(t, readCopy(t, path), s)
	}
}

// Unchanged web integrations are not encoded again.
func TestWrite_CostDependsOnChanges(t *testing.T) {
	const integrations = 100
	parts := make([]origins.Part, integrations)
	for i := range parts {
		parts[i] = origins.Part{ID: fmt.Sprint(i), Revision: 1, Origins: slices.Collect(originsOf(i, 300))}
	}
	lists := map[string]*origins.List{"acme": origins.NewList(1, parts)}
	for i := range 1000 {
		lists[fmt.Sprint("tenant-", i)] = newDatedList(1, 0)
	}
	d := openDisk(t, newDir(t))
	all := allocated(func() { write(t, d, snapshotAt(1, lists)) })
	lists["acme"] = lists["acme"].With(newChange("7", 2, "https://new.example"))
	if one := allocated(func() { write(t, d, snapshotAt(2, lists)) }); one > all/20 {
		t.Errorf("writing one of %d web integrations allocates %d bytes, writing all allocates %d", integrations, one, all)
	}
	if none := testing.AllocsPerRun(3, func() { write(t, d, snapshotAt(3, lists)) }); none > 500 {
		t.Errorf("writing the position makes %v allocations, want at most 500", none)
	}
}

func originsOf(of, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("https://app-%d.of-%d.example", i, of)) {
				return
			}
		}
	}
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// parts returns the web integrations of a list.
func parts(l *origins.List) iter.Seq[origins.Part] {
	return func(yield func(origins.Part) bool) {
		for c := range l.Changes("") {
			if !c.Deleted && !yield(c.Part) {
				return
			}
		}
	}
}

func TestWrite_FreesSpaceOfRemovedLists(t *testing.T) {
	lists := map[string]*origins.List{}
	for i := range 100 {
		lists[fmt.Sprint("tenant-", i)] = newDatedList(1, 100)
	}
	path := newDir(t)
	d := openDisk(t, path)
	write(t, d, snapshotAt(1, lists))
	_, all := dirSize(t, path)
	for i := range 90 {
		delete(lists, fmt.Sprint("tenant-", i))
	}
	write(t, d, snapshotAt(2, lists))
	if _, have := dirSize(t, path); have > all/5 {
		t.Errorf("%d bytes for a tenth of lists that took %d bytes", have, all)
	}
	wantSame(t, read(t, d), snapshotAt(2, lists))
}

func TestWrite_KeepsFewFiles(t *testing.T) {
	lists, path := map[string]*origins.List{}, newDir(t)
	d := openDisk(t, path)
	for i := range uint64(100) {
		lists[fmt.Sprint("tenant-", i)] = newDatedList(i, 10)
		write(t, d, snapshotAt(i, lists))
		if n, _ := dirSize(t, path); n > 3 { // the lock, the lists and their journal
			t.Fatalf("%d files after %d writes, want at most 3", n, i+1)
		}
	}
	wantSame(t, read(t, d), snapshotAt(99, lists))
}

func TestWrite_ContinuesFromReadSnapshot(t *testing.T) {
	path := newDir(t)
	lists := map[string]*origins.List{"other": newDatedList(1, 100).With(newDeletion("two", 2))}
	for i := range 100 {
		lists[fmt.Sprint("tenant-", i)] = newDatedList(1, 100)
	}
	d := openDisk(t, path)
	write(t, d, snapshotAt(1, lists))
	startAudit(t, path)
	closeDisk(t, d)
	d = openDisk(t, path)
	s := read(t, d)
	s.Lists["new"] = newDatedList(2, 1)
	write(t, d, s)
	wantAudited(t, path, "added list", 2)
	wantSame(t, read(t, d), s)
}

// A list from the disk matches the patterns of the list that was written.
func TestDisk_KeepsPatterns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.db")
	d := openDisk(t, path)
	list := origins.NewList(1, nil).With(newChange("one", 2, "https://pr-*.example.com", "https://*.example.net")).With(newChange("one", 3, "https://pr-*.example.com"))
	write(t, d, snapshotAt(3, map[string]*origins.List{"acme": list}))
	closeDisk(t, d)
	s, err := openDisk(t, path).Read()
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]string{"https://pr-1.example.com": "https://pr-*.example.com", "https://a.example.net": "", "https://pr-.example.com": ""} {
		if listed, pattern := s.Lists["acme"].Match(origin, origins.OwnPatterns); listed != (want != "") || pattern != want {
			t.Errorf("%s: listed %v by %q, want %q", origin, listed, pattern, want)
		}
	}
}
