package strictyaml

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// decoder fills a struct from YAML nodes. Unlike the YAML package it is strict,
// continues after a mistake, and records the position of each value.
type decoder struct{ *Findings }

// decodeValue decodes n into v, which holds its default. The types of the values bound
// the depth, so an alias that contains itself cannot recurse without end.
func (d *decoder) decodeValue(n *yaml.Node, path string, v reflect.Value) {
	d.positions[path] = Position{Line: n.Line}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if into, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.decodeText(n, path, into)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.decodeMapping(n, path, v)
	case reflect.Slice:
		d.decodeList(n, path, v)
	case reflect.Pointer:
		d.decodePointer(n, path, v)
	default:
		d.decodeScalar(n, path, v)
	}
}

// Reject reports a value that cannot be decoded.
func (f *Findings) Reject(path, format string, args ...any) {
	f.ReportAt(path, format, args...)
	f.invalid[path] = true
}

// rejectKind reports a node that is not of the kind want.
func (d *decoder) rejectKind(n *yaml.Node, path, want string) {
	found := fmt.Sprintf(", not %.80q", n.Value)
	switch {
	case n.Kind == yaml.MappingNode:
		found = ", not a mapping"
	case n.Kind == yaml.SequenceNode:
		found = ", not a list"
	case n.ShortTag() == "!!null":
		found = ": the value is missing"
	}
	d.Reject(path, "%s must be %s%s", cmp.Or(path, "the file"), want, found)
}

// decodeMapping decodes the keys of n into the fields of v.
func (d *decoder) decodeMapping(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.rejectKind(n, path, "a mapping")
		return
	}
	fields := fieldsByKey(v)
	in, prefix := "", ""
	if path != "" {
		in, prefix = " in "+path, path+"."
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		index, known := fields[key.Value]
		first, isDuplicate := lines[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !known:
			d.Report(Position{Line: key.Line}, "unknown key %.80q%s", key.Value, in)
		case isDuplicate:
			d.Report(Position{Line: key.Line}, "duplicate key %.80q, first on line %d", key.Value, first)
		default:
			lines[key.Value] = key.Line
			d.decodeField(value, prefix+key.Value, v, index)
		}
	}
}

// decodeField decodes n into a field of v, which cannot be 0 if it has the tag
// positive.
func (d *decoder) decodeField(n *yaml.Node, path string, v reflect.Value, index int) {
	d.decodeValue(n, path, v.Field(index))
	if v.Type().Field(index).Tag.Get("positive") != "" && v.Field(index).IsZero() {
		d.ReportAt(path, "%s must be more than 0", path)
	}
}

func fieldsByKey(v reflect.Value) map[string]int {
	fields := map[string]int{}
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

// decodePointer replaces what v points to, which others may share.
func (d *decoder) decodePointer(n *yaml.Node, path string, v reflect.Value) {
	fresh := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		fresh.Elem().Set(v.Elem())
	}
	v.Set(fresh)
	d.decodeValue(n, path, fresh.Elem())
}

// decodeList replaces what v holds.
func (d *decoder) decodeList(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.rejectKind(n, path, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		if path == d.inherit.By {
			v.Index(i).Set(reflect.ValueOf(d.inherit.Value).Elem())
		}
		d.decodeValue(element, ElementPath(path, i), v.Index(i))
	}
}

func (d *decoder) decodeText(n *yaml.Node, path string, into encoding.TextUnmarshaler) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.rejectKind(n, path, "a single value")
	} else if err := into.UnmarshalText([]byte(n.Value)); err != nil {
		d.Reject(path, "%s: %v", path, err)
	}
}

func (d *decoder) decodeScalar(n *yaml.Node, path string, v reflect.Value) {
	tag := n.ShortTag()
	switch kind := v.Kind(); {
	case kind == reflect.String && tag == "!!str" && n.Kind == yaml.ScalarNode:
		v.SetString(n.Value)
	case kind == reflect.String:
		d.rejectKind(n, path, "a string")
	case kind == reflect.Bool && tag == "!!bool" && (n.Value == "true" || n.Value == "false"):
		v.SetBool(n.Value == "true")
	case kind == reflect.Bool:
		d.rejectKind(n, path, "true or false")
	default:
		number, err := strconv.Atoi(n.Value)
		switch {
		case tag != "!!int" || err != nil || strconv.Itoa(number) != n.Value:
			d.rejectKind(n, path, "a whole number")
		case number < 0:
			d.Reject(path, "%s must not be negative", path)
		default:
			v.SetInt(int64(number))
		}
	}
}
