// Package keptform keeps a form that arrived without a session: it is sent back to the
// browser, so that its user can sign in and send it again.
package keptform

import (
	"cmp"
	"net/url"
	"slices"
)

// Form is a form that is kept.
type Form struct {
	Path   string // where it is sent to
	Text   string // its fields, encoded
	Fields []Field
}

// Field is one of a form.
type Field struct{ Name, Value string }

// New returns the form with the values, in the order of their names.
func New(path string, values url.Values) *Form {
	f := &Form{Path: path, Text: values.Encode()}
	for name, all := range values {
		for _, value := range all {
			f.Fields = append(f.Fields, Field{name, value})
		}
	}
	slices.SortStableFunc(f.Fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return f
}

// Parse returns the form with a Text, or nil if that is empty or invalid.
func Parse(path, text string) *Form {
	values, err := url.ParseQuery(text)
	if err != nil || len(values) == 0 {
		return nil
	}
	return New(path, values)
}
