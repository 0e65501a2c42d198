package strictyaml

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Inheritance says that each element of a list begins as a copy of a value: what an
// element does not have itself, it has from there. Lists are not joined. Mistakes in
// the value are not reported again for the elements.
type Inheritance struct {
	Key   string // of the value; "": it is not in the file
	Value any    // points to it
	By    string // the key of the list
}

// moveFirst moves Key before the other keys of a mapping.
func (i Inheritance) moveFirst(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	var first, others []*yaml.Node
	for pair := range slices.Chunk(root.Content, 2) {
		if pair[0].Value == i.Key {
			first = append(first, pair...)
		} else {
			others = append(others, pair...)
		}
	}
	root.Content = append(first, others...)
}

// inheritedFrom returns the path below Key of a value that an element has from there,
// or "".
func (f *Findings) inheritedFrom(path string) string {
	rest, inherits := strings.CutPrefix(path, f.inherit.By+"[")
	_, key, _ := strings.Cut(rest, "].")
	if _, isOwn := f.positions[path]; !inherits || f.inherit.Key == "" || key == "" || isOwn {
		return ""
	}
	from := f.inherit.Key + "." + key
	if _, isSet := f.positions[from]; !isSet {
		return ""
	}
	return from
}
