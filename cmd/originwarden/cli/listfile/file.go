package listfile

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"originwarden/cmd/originwarden/config/strictyaml"
	"originwarden/origins"
	"originwarden/store"
)

const rootKey = "web_integrations"

// file is one file that a Reader reads.
type file struct {
	*strictyaml.Findings
	reader *Reader
	name   string
	count  int // of mistakes
}

// reject reports a mistake at a node.
func (f *file) reject(n *yaml.Node, format string, args ...any) {
	f.count++
	f.Report(strictyaml.Position{Line: n.Line}, format, args...)
}

// isFull reports whether enough mistakes are known.
func (f *file) isFull() bool { return len(f.reader.mistakes)+f.count >= maxMistakes }

func (f *file) read(text []byte) {
	root, isJSON := parseJSON(text)
	if !isJSON {
		var ok bool
		if root, ok = f.Parse(text); !ok {
			return
		}
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.MappingNode, Line: 1}
	}
	f.readRoot(root)
}

// readRoot reads the only key that a file has. A file without it is a mistake, because
// with --prune an empty file would delete everything.
func (f *file) readRoot(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		f.reject(root, "the file must be a mapping with the key %s, not %s", rootKey, describe(root))
		return
	}
	first := 0 // line
	for key, value := range pairs(root) {
		switch {
		case f.isFull():
			return
		case !isString(key) || key.Value != rootKey:
			f.reject(key, "unknown key %.80q: the file has only %s", key.Value, rootKey)
		case first != 0:
			f.reject(key, "duplicate key %q, first on line %d", rootKey, first)
		default:
			first = key.Line
			f.readIntegrations(value)
		}
	}
	if first == 0 {
		f.reject(root, "the key %s is missing; a file without web integrations has %[1]s: {}", rootKey)
	}
}

func (f *file) readIntegrations(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		f.reject(n, "%s must be a mapping from names to lists of origins, or {}, not %s", rootKey, describe(n))
		return
	}
	for key, value := range pairs(n) {
		if f.isFull() {
			return
		}
		if f.checkName(key) {
			f.readIntegration(key, value)
		}
	}
}

// checkName reports what is wrong with a name. One that other readers of YAML would
// take for a number, a time or null has to be quoted.
func (f *file) checkName(key *yaml.Node) bool {
	switch {
	case key.Kind != yaml.ScalarNode:
		f.reject(key, "the name of a web integration must be a string, not %s", describe(key))
	case key.ShortTag() == "!!merge":
		f.reject(key, `merge keys are not supported; a web integration with that name is written "<<"`)
	case !isString(key):
		f.reject(key, "the name %.80q is not a string in YAML: put it into quotes", key.Value)
	case store.NameProblem(key.Value) != "":
		f.reject(key, "%s: %.80q", store.NameProblem(key.Value), key.Value)
	default:
		return true
	}
	return false
}

func (f *file) readIntegration(key, value *yaml.Node) {
	r := f.reader
	if first, taken := r.places[key.Value]; taken {
		f.reject(key, "duplicate web integration %.80q, first at %s", key.Value, first)
		return
	}
	if r.places == nil {
		r.places = map[string]string{}
	}
	r.places[key.Value] = fmt.Sprintf("%s:%d", f.name, key.Line)
	if value.Kind != yaml.SequenceNode {
		f.reject(value, "the origins of %.80q must be a list, or [], not %s", key.Value, describe(value))
		return
	}
	if r.origins += len(value.Content); r.origins > MaxOrigins {
		f.reject(value, "there are more than %d origins in all", MaxOrigins)
		f.count = maxMistakes // and no more are read
		return
	}
	w := WebIntegration{Name: key.Value, ValidOrigins: make([]string, 0, len(value.Content))}
	for _, n := range value.Content {
		if f.isFull() {
			return
		}
		w.ValidOrigins = append(w.ValidOrigins, f.readOrigin(resolve(n), w.Name))
	}
	r.all = append(r.all, w)
}

func (f *file) readOrigin(n *yaml.Node, name string) string {
	if !isString(n) {
		f.reject(n, "an origin of %.80q must be a string, not %s", name, describe(n))
	} else if _, err := origins.HostedPatterns.ParseEntry(n.Value); err != nil {
		f.reject(n, "%.80q of %.80q: %v", n.Value, name, err)
	}
	return n.Value
}
