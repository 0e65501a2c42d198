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

// maxBadLines is how many lines of a file that is not text are reported.
const maxBadLines = 100

// CheckText reports the lines that are not text, which the YAML package rejects
// without a line number. It returns false if there are any.
func (f *Findings) CheckText(text []byte) bool {
	i := -1
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		i++
		switch {
		case len(f.mistakes) >= maxBadLines:
			return false
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
	root, ok := f.Parse(text)
	if !ok {
		return false
	}
	if root == nil {
		f.positions[""] = Position{Line: 1}
		return true
	}
	f.inherit.moveFirst(root)
	d := decoder{f}
	d.decodeValue(root, "", reflect.ValueOf(into).Elem())
	return true
}

// Parse returns the root of the only YAML document of text, or nil if it is empty. It
// returns false for text that is not YAML.
func (f *Findings) Parse(text []byte) (root *yaml.Node, ok bool) {
	source := yaml.NewDecoder(bytes.NewReader(text))
	var document, next yaml.Node
	err := source.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, true
	}
	if err == nil {
		err = source.Decode(&next)
	}
	switch {
	case err == nil:
		f.Report(Position{Line: next.Line}, "a second YAML document: only one is allowed")
	case !errors.Is(err, io.EOF):
		f.reportSyntax(err, countLines(text))
		return nil, false
	}
	return document.Content[0], true
}
