package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Config from YAML nodes, more strictly than the YAML package
// does: it goes on after every mistake and remembers the place of every value.
type decoder struct{ *findings }

// value decodes n into v, which holds its default. Nesting is that of the
// configuration's own types, whatever aliases n has.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	d.places[path] = place{line: n.Line}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, path, text)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.sequence(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

func (d *decoder) wrong(path, format string, args ...any) {
	d.at(path, format, args...)
	d.broken[path] = true
}

// mapping decodes the keys of n into the fields of v.
func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(path, "%s is not a mapping of keys to values%s", name(path), hint(n))
		return
	}
	fields := fieldsOf(v)
	first := map[string]int{} // line by key
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, known := fields[key.Value]
		line, doubled := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !known:
			d.add(place{line: key.Line}, "unknown key %s%s", quote(key.Value), in(path))
		case doubled:
			d.add(place{line: key.Line}, "key %s is given twice, first in line %d", quote(key.Value), line)
		default:
			first[key.Value] = key.Line
			d.value(value, join(path, key.Value), field)
		}
	}
}

// fieldsOf returns the fields of a struct by their keys.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("yaml")] = v.Field(i)
	}
	return fields
}

// sequence decodes n in the place of what v holds.
func (d *decoder) sequence(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(path, "%s is not a list%s", name(path), hint(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		if e, ok := v.Index(i).Addr().Interface().(interface{ setDefaults() }); ok {
			e.setDefaults()
		}
		d.value(element, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
}

// text decodes a scalar that has a form of its own.
func (d *decoder) text(n *yaml.Node, path string, into encoding.TextUnmarshaler) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.wrong(path, "%s is not a single value%s", name(path), hint(n))
		return
	}
	if err := into.UnmarshalText([]byte(n.Value)); err != nil {
		d.wrong(path, "%s: %v", name(path), err)
	}
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	tag := n.ShortTag()
	switch kind := v.Kind(); {
	case kind == reflect.String && tag == "!!str" && n.Kind == yaml.ScalarNode:
		v.SetString(n.Value)
	case kind == reflect.String:
		d.wrong(path, "%s is not text%s", name(path), hint(n))
	case kind == reflect.Bool && (n.Value == "true" || n.Value == "false") && tag == "!!bool":
		v.SetBool(n.Value == "true")
	case kind == reflect.Bool:
		d.wrong(path, "%s is neither true nor false%s", name(path), hint(n))
	default:
		d.integer(n, path, v)
	}
}

func (d *decoder) integer(n *yaml.Node, path string, v reflect.Value) {
	number, err := strconv.ParseInt(n.Value, 10, strconv.IntSize)
	switch {
	case n.ShortTag() != "!!int" || err != nil || strconv.FormatInt(number, 10) != n.Value:
		d.wrong(path, "%s is not a whole number%s", name(path), hint(n))
	case number < 0:
		d.wrong(path, "%s is negative", name(path))
	default:
		v.SetInt(number)
	}
}

// hint says what n is, where that is not what is needed.
func hint(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return ", but a mapping"
	case n.Kind == yaml.SequenceNode:
		return ", but a list"
	case n.ShortTag() == "!!null":
		return ": its value is missing"
	}
	return ", but " + quote(n.Value)
}

// name is how messages call the value at path.
func name(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
