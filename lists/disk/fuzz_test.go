package disk_test

import (
	"path/filepath"
	"testing"

	"originwarden/lists/disk"
	"originwarden/origins"
)

// What a file has is lists or an error, and never more than it has bytes for.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "lists")
	d := open(f, path)
	edited := listing(5, 3).With(changed("two", 7, "https://a.example")).With(deleted("one", 6))
	write(f, d, at(9, map[string]*origins.List{"acme": edited, "other": listing(3, 2)}))
	file := filepath.Join(path, disk.FileName)
	b := contentsOf(f, file)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, file, b)
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
