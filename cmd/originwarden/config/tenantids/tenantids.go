// Package tenantids reads the ids of tenants from a file, and replaces Placeholder by
// an id in texts that are the same for all of them.
package tenantids

import (
	"fmt"
	"io"
	"os"
	"strings"

	"originwarden/origins"
)

// Placeholder stands for the id of a tenant.
const Placeholder = "{id}"

// IsIn reports whether text has a Placeholder.
func IsIn(text string) bool { return strings.Contains(text, Placeholder) }

// Replace returns text with id in the place of each Placeholder.
func Replace(text, id string) string { return strings.ReplaceAll(text, Placeholder, id) }

// Any is an id of the kind that any text takes, to check what does not depend on
// the id.
const Any = "id"

// MaxBytes is the size of the largest file.
const MaxBytes = 16 << 20

// List is the ids of a file, in its order. It is immutable. A nil List has none.
type List struct {
	file   string
	ids    []string
	lines  []int32
	byName map[string]int32 // the places of ids, by their lower case
}

// Mistake is what is wrong with a line of a file, or, if Line is 0, with the file.
type Mistake struct {
	Line    int
	Message string
}

// Read reads a file with an id on each line. Spaces around it, empty lines and lines
// that begin with # are ignored. Ids that differ only in case are mistakes: their
// hosts would be the same.
func Read(file string) (*List, []Mistake) {
	text, err := readFile(file)
	if err != nil {
		return nil, []Mistake{{Message: err.Error()}}
	}
	l := &List{file: file}
	l.allocate(min(strings.Count(text, "\n")+1, 1<<20))
	var mistakes []Mistake
	number := 0
	for line := range strings.Lines(text) {
		number++
		if id := strings.TrimSpace(line); id != "" && id[0] != '#' {
			if problem := l.add(id, number); problem != "" {
				mistakes = append(mistakes, Mistake{number, problem})
			}
		}
	}
	if len(l.ids) == 0 && len(mistakes) == 0 {
		mistakes = []Mistake{{Message: "the file has no ids"}}
	}
	return l, mistakes
}

// readFile reads a regular file: another one could block, or could not be read again.
func readFile(file string) (string, error) {
	found, err := os.Stat(file)
	switch {
	case err != nil:
		return "", err
	case !found.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var text strings.Builder
	text.Grow(int(min(found.Size(), MaxBytes)) + 1)
	n, err := io.Copy(&text, io.LimitReader(f, MaxBytes+1))
	if n > MaxBytes {
		err = fmt.Errorf("%s has more than %d MiB", file, MaxBytes>>20)
	}
	return text.String(), err
}

func (l *List) allocate(n int) {
	l.ids, l.lines, l.byName = make([]string, 0, n), make([]int32, 0, n), make(map[string]int32, n)
}

// add adds an id, or returns what is wrong with it.
func (l *List) add(id string, line int) (problem string) {
	if !origins.IsTenantID(id) {
		return fmt.Sprintf("%.80q is not a tenant id (1 to %d of A-Z a-z 0-9 - _ . beginning with a letter or digit)", id, origins.MaxTenantIDLength)
	}
	name := strings.ToLower(id)
	if i, isDuplicate := l.byName[name]; isDuplicate {
		if first := l.ids[i]; first != id {
			return fmt.Sprintf("the tenant id %q differs only in case from %q on line %d", id, first, l.lines[i])
		}
		return fmt.Sprintf("duplicate tenant id %q, first on line %d", id, l.lines[i])
	}
	l.byName[name] = int32(len(l.ids))
	l.ids, l.lines = append(l.ids, id), append(l.lines, int32(line))
	return ""
}

// IDs returns the ids. The caller must not change them.
func (l *List) IDs() []string {
	if l == nil {
		return nil
	}
	return l.ids
}

// Index returns the index of an id in IDs, or -1.
func (l *List) Index(id string) int {
	if i := l.find(strings.ToLower(id)); i >= 0 && l.ids[i] == id {
		return i
	}
	return -1
}

// find returns the index of the id whose lower case is name, or -1.
func (l *List) find(name string) int {
	if l != nil {
		if i, ok := l.byName[name]; ok {
			return int(i)
		}
	}
	return -1
}

// IndexOfHost returns the index of the id with which template, a host with one
// Placeholder, is host, or -1. Both are in lower case.
func (l *List) IndexOfHost(template, host string) int {
	before, after, _ := strings.Cut(template, Placeholder)
	rest, begins := strings.CutPrefix(host, before)
	name, ends := strings.CutSuffix(rest, after)
	if !begins || !ends {
		return -1
	}
	return l.find(name)
}

// Place returns the file and line of the id at an index.
func (l *List) Place(index int) string { return fmt.Sprintf("%s:%d", l.file, l.lines[index]) }
