package snapshot_test

import (
	"os"
	"path/filepath"
	"testing"

	"originwarden/origins"
	"originwarden/store/snapshot"
)

func FuzzManifest(f *testing.F) {
	b := snapshot.ManifestOf(at(7, nil))
	f.Add(b)
	f.Add(b[:len(b)-9])
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := snapshot.DecodeManifest(b); err == nil && n > len(b)/48 {
			t.Errorf("%d segments in %d bytes", n, len(b))
		}
	})
}

// What a segment says is a list or an error, and never more than it has bytes
// for.
func FuzzSegment(f *testing.F) {
	edited := listing(5, 3).With(changed("two", 7, "https://a.example")).With(deleted("one", 6))
	for _, b := range segments(f, at(9, map[string]*origins.List{"acme": edited, "other": listing(3, 2)})) {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte("\x01a\x03\x01\x01\x01b\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01x")) // as many origins as there are numbers
	f.Fuzz(func(t *testing.T, b []byte) {
		lists, err := snapshot.DecodeSegment(b)
		if err != nil {
			return
		}
		total := 0
		for tenant, l := range lists {
			for c := range l.Changes(tenant) {
				total += 1 + len(c.Origins)
			}
		}
		if total > len(b) {
			t.Errorf("%d changes and origins in %d bytes", total, len(b))
		}
	})
}

// segments are the files of lists by which s is kept.
func segments(t testing.TB, s *snapshot.Snapshot) map[string][]byte {
	t.Helper()
	path := t.TempDir()
	d := open(t, path)
	write(t, d, s)
	shut(t, d)
	names, err := filepath.Glob(filepath.Join(path, "*.segment"))
	if err != nil || len(names) == 0 {
		t.Fatal("there are no segments", err)
	}
	contents := map[string][]byte{}
	for _, name := range names {
		if contents[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return contents
}
