package http1

import "strings"

// Field is a line of a header (RFC 9110, section 5): a name as it was sent, and a value
// without the white space around it.
type Field struct{ Name, Value string }

// Fields are the lines of a header, in the order in which they were sent.
type Fields []Field

// Values returns the value of each line of a field, by its name in any case, in a new
// slice; nil if there is none.
func (f Fields) Values(name string) []string { return f.AppendValues(nil, name) }

// AppendValues appends what Values returns.
func (f Fields) AppendValues(to []string, name string) []string {
	for _, field := range f {
		if len(field.Name) == len(name) && field.Name[0]|0x20 == name[0]|0x20 && strings.EqualFold(field.Name, name) {
			to = append(to, field.Value)
		}
	}
	return to
}
