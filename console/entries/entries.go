// Package entries reads the origins that somebody types into a form, and compares lists
// of them. It decides nothing: package origins says what an entry is.
package entries

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"originwarden/origins"
)

// Line is one entry of a text.
type Line struct {
	Number int // of its line in the text, from 1
	Entry  string
	// Canonical is what browsers send for it. Problem is why there is none.
	Canonical, Problem string
	// Warning is what to think of before it is listed, or "".
	Warning string
}

// Checked is what a text contains.
type Checked struct {
	Lines []Line
	// Problems and Warnings are how many lines have one.
	Problems, Warnings int
}

// Split returns the entries of a text, in any form in which people paste them: one on a
// line, with commas, in quotes, or as a JSON array.
func Split(text string) []string {
	var all []string
	for _, line := range Check(text, origins.NoPatterns).Lines {
		all = append(all, line.Entry)
	}
	return all
}

// Check splits a text as Split does, and checks each entry of it. Of patterns, only
// those are valid that allowed permits.
func Check(text string, allowed origins.Patterns) Checked {
	var c Checked
	first := map[string]int{} // the line of each canonical form
	for i, line := range strings.Split(text, "\n") {
		for _, entry := range strings.FieldsFunc(line, isSeparator) {
			c.add(check(i+1, entry, allowed, first))
		}
	}
	return c
}

// isSeparator reports whether r stands between entries. None of these can be in one;
// brackets can, in an IPv6 address.
func isSeparator(r rune) bool { return strings.ContainsRune(" \t\r,;\"'", r) }

func (c *Checked) add(l Line) {
	if l.Entry == "[" || l.Entry == "]" { // of a JSON array
		return
	}
	if l.Problem != "" {
		c.Problems++
	}
	if l.Warning != "" {
		c.Warnings++
	}
	c.Lines = append(c.Lines, l)
}

func check(number int, entry string, allowed origins.Patterns, first map[string]int) Line {
	l := Line{Number: number, Entry: entry}
	canonical, err := allowed.ParseEntry(entry)
	if wrong, ok := errors.AsType[*origins.EntryError](err); ok {
		l.Problem = wrong.Problem
		return l
	}
	l.Canonical = canonical
	if other, isDuplicate := first[canonical]; isDuplicate {
		l.Warning = fmt.Sprintf("the same origin is in line %d", other)
		return l
	}
	first[canonical] = number
	l.Warning = warning(canonical)
	return l
}

func warning(canonical string) string {
	u, err := url.Parse(canonical)
	switch {
	case strings.Contains(canonical, "*"):
		return "a pattern: whoever can get a name that it matches can use this tenant as its users"
	case err != nil || u.Scheme != "http":
		return ""
	case origins.IsLoopbackName(u.Hostname()):
		return "a page on the user’s own machine: right for development"
	}
	return "http:// is not encrypted: whoever can change the page on its way can use this tenant as its users"
}

// shownAll is up to how many lines are all worth showing.
const (
	shownAll = 25
	maxShown = 200
)

// Shown returns the lines that are worth showing: of a long text, those that have a
// problem, a warning, or another canonical form; at most 200.
func (c Checked) Shown() (shown []Line) {
	for _, l := range c.Lines {
		if len(c.Lines) <= shownAll || l.Problem != "" || l.Warning != "" || l.Canonical != l.Entry {
			shown = append(shown, l)
		}
	}
	return shown[:min(len(shown), maxShown)]
}

// Hidden returns the number of lines that Shown leaves out.
func (c Checked) Hidden() int { return len(c.Lines) - len(c.Shown()) }

// Entries returns the entries in their order.
func (c Checked) Entries() []string {
	all := make([]string, len(c.Lines))
	for i, l := range c.Lines {
		all[i] = l.Entry
	}
	return all
}

// Diff is how one list differs from another one.
type Diff struct{ Added, Removed []string }

// IsEmpty reports whether the lists have the same entries.
func (d Diff) IsEmpty() bool { return len(d.Added)+len(d.Removed) == 0 }

// Compare returns what was added to before, and removed from it. Order and repetition
// do not matter.
func Compare(before, after []string) Diff {
	return Diff{Added: without(after, before), Removed: without(before, after)}
}

// Merge returns theirs with the changes that mine has made to base.
func Merge(base, theirs, mine []string) []string {
	made := Compare(base, mine)
	return append(without(theirs, made.Removed), without(made.Added, theirs)...)
}

// without returns the entries of all that are not in others.
func without(all, others []string) (left []string) {
	known := make(map[string]bool, len(others))
	for _, entry := range others {
		known[entry] = true
	}
	for _, entry := range all {
		if !known[entry] {
			left = append(left, entry)
		}
	}
	return left
}
