package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Mistake is one thing that is wrong with the configuration.
type Mistake struct {
	// Where is FILE:LINE, FILE, --FLAG or "".
	Where   string
	Message string

	line int // by which mistakes are sorted
}

func (m Mistake) String() string { return strings.TrimPrefix(m.Where+": "+m.Message, ": ") }

// Mistakes are all that is wrong with a configuration: those of the file in the
// order of its lines, then those of the flags.
type Mistakes []Mistake

// Error has one line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// position is where a value was set: a line of the file or a flag. The zero
// position is that of a default.
type position struct {
	line int
	flag string
}

// findings collects mistakes. It remembers the position of each value by its
// path: the keys from the outermost, such as tenants[0].id.
type findings struct {
	file      string
	positions map[string]position
	invalid   map[string]bool // paths of values that could not be decoded
	mistakes  Mistakes
}

// reportAt reports a mistake in the value at path, unless it is invalid already.
// A default has the position of what surrounds it.
func (f *findings) reportAt(path, format string, args ...any) {
	if f.isInvalid(path) {
		return
	}
	at := f.positions[path]
	for at == (position{}) && path != "" {
		path = parentPath(path)
		at = f.positions[path]
	}
	f.report(at, format, args...)
}

func (f *findings) isInvalid(path string) bool {
	for ; path != ""; path = parentPath(path) {
		if f.invalid[path] {
			return true
		}
	}
	return f.invalid[""]
}

func (f *findings) report(at position, format string, args ...any) {
	m := Mistake{Where: f.file, Message: fmt.Sprintf(format, args...), line: at.line}
	if at.flag != "" {
		m.Where, m.line = "--"+at.flag, math.MaxInt
	} else if at.line > 0 && f.file != "" {
		m.Where = fmt.Sprintf("%s:%d", f.file, at.line)
	}
	f.mistakes = append(f.mistakes, m)
}

// sorted returns the mistakes in the order of Mistakes.
func (f *findings) sorted() Mistakes {
	slices.SortStableFunc(f.mistakes, func(a, b Mistake) int { return cmp.Compare(a.line, b.line) })
	return f.mistakes
}

// parentPath returns tenants[0] for tenants[0].id, and tenants for tenants[0].
func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func elementPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
