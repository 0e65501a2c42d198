package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing that is wrong with the configuration.
type Mistake struct {
	// Where is FILE:LINE, or the flag, whose value it is; "" when there is
	// neither.
	Where string
	// Message says what is wrong there, for the person who wrote it.
	Message string

	line int
}

func (m Mistake) String() string {
	if m.Where == "" {
		return m.Message
	}
	return m.Where + ": " + m.Message
}

// Mistakes is everything that is wrong with a configuration: that of the file
// in the order of its lines, then that of the flags.
type Mistakes []Mistake

// Error is a line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// place is where a value was written: on a line of the file, or in a flag. The
// zero place is the default's.
type place struct {
	line int
	flag string
}

// findings collects mistakes, and remembers where every value was written, by
// its path: the keys from the outside in, such as tenants[0].id.
type findings struct {
	file     string
	places   map[string]place
	broken   map[string]bool // paths whose value is none of the configuration's
	mistakes Mistakes
}

// at reports a mistake in the value at path, unless that was found to be broken
// before. What was not written stands where its surroundings begin.
func (f *findings) at(path, format string, args ...any) {
	if f.isBroken(path) {
		return
	}
	where := f.places[path]
	for outer := path; where == (place{}) && outer != ""; {
		outer = outside(outer)
		where = f.places[outer]
	}
	f.add(where, format, args...)
}

func (f *findings) isBroken(path string) bool {
	for ; path != ""; path = outside(path) {
		if f.broken[path] {
			return true
		}
	}
	return f.broken[""]
}

func (f *findings) add(where place, format string, args ...any) {
	m := Mistake{Message: fmt.Sprintf(format, args...), line: where.line}
	switch {
	case where.flag != "":
		m.Where = "--" + where.flag
	case where.line > 0 && f.file != "":
		m.Where = fmt.Sprintf("%s:%d", f.file, where.line)
	default:
		m.Where = f.file
	}
	f.mistakes = append(f.mistakes, m)
}

// result is nil when there are no mistakes.
func (f *findings) result() error {
	if len(f.mistakes) == 0 {
		return nil
	}
	return f.sorted()
}

// sorted are the mistakes in the order of Mistakes.
func (f *findings) sorted() Mistakes {
	slices.SortStableFunc(f.mistakes, func(a, b Mistake) int {
		return cmp.Or(compareFlags(a, b), cmp.Compare(a.line, b.line))
	})
	return f.mistakes
}

// compareFlags puts what is in no file behind the rest.
func compareFlags(a, b Mistake) int {
	rank := func(m Mistake) int {
		if strings.HasPrefix(m.Where, "--") {
			return 1
		}
		return 0
	}
	return cmp.Compare(rank(a), rank(b))
}

// outside is the path of what path is in: tenants[0] for tenants[0].id, and
// tenants for that.
func outside(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
