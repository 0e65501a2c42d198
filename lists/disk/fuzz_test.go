package disk_test

import (
	"path/filepath"
	"testing"

	"originwarden/lists/disk"
	"originwarden/origins"
)

// Any file results in lists or an error, and the lists are never larger than the
// file.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "lists")
	d := openDisk(f, path)
	edited := newDatedList(5, 3).With(newChange("two", 7, "https://a.example")).With(newDeletion("one", 6))
	write(f, d, snapshotAt(9, map[string]*origins.List{"acme": edited, "other": newDatedList(3, 2)}))
	file := filepath.Join(path, disk.FileName)
	b := readFile(f, file)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		writeFile(t, file, b)
		s, err := d.Read()
		if err != nil {
			return
		}
		total := 0
		for tenant, l := range s.Lists {
			for c := range l.Changes(tenant) {
				total += 1 + len(c.Origins)
			}
		}
		if total > len(b) {
			t.Errorf("%d changes and origins in %d bytes", total, len(b))
		}
	})
}
