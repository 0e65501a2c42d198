package strictyaml

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// CheckText reports the lines that are not text, which the YAML package rejects
// without a line number. It returns false if there are any.
func (f *Findings) CheckText(text []byte) bool {
	for i, line := range bytes.Split(text, []byte("\n")) {
		switch {
		case !utf8.Valid(line):
			f.Report(Position{Line: i + 1}, "the line is not UTF-8")
		case bytes.ContainsFunc(line, func(r rune) bool { return r != '\t' && r != '\r' && unicode.IsControl(r) }):
			f.Report(Position{Line: i + 1}, "the line has a control character")
		}
	}
	return len(f.mistakes) == 0
}

// Decode decodes the only YAML document of text, which may be empty, into a struct
// with its defaults. It returns false for text that is not YAML.
func (f *Findings) Decode(text []byte, into any) bool {
	d := decoder{f}
	source := yaml.NewDecoder(bytes.NewReader(text))
	var root, next yaml.Node
	err := source.Decode(&root)
	if errors.Is(err, io.EOF) {
		d.positions[""] = Position{Line: 1}
		return true
	}
	if err == nil {
		err = source.Decode(&next)
	}
	switch {
	case err == nil:
		d.Report(Position{Line: next.Line}, "a second YAML document: only one is allowed")
	case !errors.Is(err, io.EOF):
		d.Report(Position{}, "%v", err) // with the line as the YAML package counts it
		return false
	}
	f.inherit.moveFirst(root.Content[0])
	d.decodeValue(root.Content[0], "", reflect.ValueOf(into).Elem())
	return true
}
