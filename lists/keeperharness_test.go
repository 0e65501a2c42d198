package lists_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/origins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fileName = "lists.db"

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

// newDir returns the path of a directory that does not exist yet.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "lists") }

func newChange(id string, revision uint64, listed ...string) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision, Origins: listed}}
}

func newDeletion(id string, revision uint64) origins.Change {
	return origins.Change{Tenant: "acme", Part: origins.Part{ID: id, Revision: revision}, Deleted: true}
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

// wantOnDisk compares the snapshot on disk with want. It reads a copy of the
// directory, which may be in use.
func wantOnDisk(t *testing.T, path string, want *lists.Snapshot) {
	t.Helper()
	got := readCopy(t, path)
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

func readCopy(t *testing.T, path string) *lists.Snapshot {
	t.Helper()
	d := openCopy(t, path)
	defer closeDisk(t, d)
	s, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openCopy(t *testing.T, path string) *disk.Disk {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return openDisk(t, to)
}

func wantRefused(t *testing.T, d *disk.Disk, what string) {
	t.Helper()
	s, err := d.Read()
	if s != nil || err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: Read returned %v, %v; want an error", what, s, err)
	}
}
