package strictyaml

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

// Position is where a value was set: a line of the file or a flag. The zero Position
// is that of a default.
type Position struct {
	Line int
	Flag string
	// Place is FILE:LINE of another file, which the value on Line names.
	Place string
}

// Findings collects mistakes. It remembers the position of each value by its
// path: the keys from the outermost, such as tenants[0].id.
type Findings struct {
	file      string
	inherit   Inheritance
	positions map[string]Position
	invalid   map[string]bool // paths of values that could not be decoded
	reported  map[string]bool // paths of values with mistakes
	mistakes  Mistakes
}

// New returns the findings of a file, which are none yet.
func New(file string, inherit Inheritance) *Findings {
	return &Findings{file: file, inherit: inherit, positions: map[string]Position{}, invalid: map[string]bool{}, reported: map[string]bool{}}
}

// Aside returns findings of the same values, but without the mistakes.
func (f *Findings) Aside() *Findings {
	return &Findings{file: f.file, inherit: f.inherit, positions: f.positions, invalid: f.invalid, reported: map[string]bool{}}
}

// SetFlag makes a flag the position of the value at path.
func (f *Findings) SetFlag(path, flag string) { f.positions[path] = Position{Flag: flag} }

// IsSet reports whether the value at path is not a default of the program.
func (f *Findings) IsSet(path string) bool {
	_, set := f.positions[path]
	return set || f.inheritedFrom(path) != ""
}

// Line returns the line of the value at path, or 0.
func (f *Findings) Line(path string) int { return f.positions[path].Line }

// IsFaulty reports whether a mistake in the value at path is known.
func (f *Findings) IsFaulty(path string) bool {
	return f.IsInvalid(path) || f.reported[path] || f.reported[f.inheritedFrom(path)]
}

// ReportAt reports a mistake in the value at path, unless it is invalid already, or
// inherited with its mistakes. A default has the position of what surrounds it.
func (f *Findings) ReportAt(path, format string, args ...any) {
	if f.IsInvalid(path) || f.reported[f.inheritedFrom(path)] {
		return
	}
	f.reported[path] = true
	at := f.positions[path]
	for at == (Position{}) && path != "" {
		path = ParentPath(path)
		at = f.positions[path]
	}
	f.Report(at, format, args...)
}

func (f *Findings) IsInvalid(path string) bool {
	for ; path != ""; path = ParentPath(path) {
		if f.invalid[path] || f.invalid[f.inheritedFrom(path)] {
			return true
		}
	}
	return f.invalid[""]
}

func (f *Findings) Report(at Position, format string, args ...any) {
	m := Mistake{Where: f.file, Message: fmt.Sprintf(format, args...), line: at.Line}
	if at.Place != "" {
		m.Where = at.Place
	} else if at.Flag != "" {
		m.Where, m.line = "--"+at.Flag, math.MaxInt
	} else if at.Line > 0 && f.file != "" {
		m.Where = fmt.Sprintf("%s:%d", f.file, at.Line)
	}
	f.mistakes = append(f.mistakes, m)
}

// Sorted returns the mistakes in the order of Mistakes.
func (f *Findings) Sorted() Mistakes {
	slices.SortStableFunc(f.mistakes, func(a, b Mistake) int { return cmp.Compare(a.line, b.line) })
	return f.mistakes
}

// ParentPath returns tenants[0] for tenants[0].id, and tenants for tenants[0].
func ParentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func ElementPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
