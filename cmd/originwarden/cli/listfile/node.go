package listfile

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// pairs returns an iterator over the keys and values of a mapping.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(resolve(n.Content[i]), resolve(n.Content[i+1])) {
				return
			}
		}
	}
}

// resolve returns what an alias stands for, and other nodes as they are. Nothing
// follows aliases any deeper, so one that contains itself does no harm.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isString(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" }

// describe returns how a mistake names a node that is of the wrong kind.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%.80q", n.Value)
}

// parseJSON returns JSON as the nodes of the same YAML. It returns false for other
// text. JSON is nearly YAML, but YAML knows no surrogate pairs in escapes, and does
// not permit tabs wherever JSON does.
func parseJSON(text []byte) (root *yaml.Node, ok bool) {
	duplicates := jsontext.AllowDuplicateNames(true) // which are reported later
	if !jsontext.Value(text).IsValid(duplicates) {
		return nil, false
	}
	p := jsonParser{source: jsontext.NewDecoder(bytes.NewReader(text), duplicates), text: text, line: 1}
	return p.parse(), true
}

// jsonParser parses a text that is valid JSON.
type jsonParser struct {
	source *jsontext.Decoder
	text   []byte
	offset int // of the end of the last token
	line   int // of offset
}

// parse returns the next value, or nil at the end of an array or object.
func (p *jsonParser) parse() *yaml.Node {
	token, err := p.source.ReadToken()
	if err != nil {
		panic(err) // the text was found valid
	}
	end := int(p.source.InputOffset())
	p.line += bytes.Count(p.text[p.offset:end], []byte("\n"))
	p.offset = end
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: p.line, Value: token.String()}
	switch token.Kind() {
	case '{':
		return p.parseElements(&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: p.line})
	case '[':
		return p.parseElements(&yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: p.line})
	case '}', ']':
		return nil
	case '"':
		n.Tag = "!!str"
	case 'n':
		n.Tag = "!!null"
	case '0':
		n.Tag = "!!float"
	default:
		n.Tag = "!!bool"
	}
	return n
}

func (p *jsonParser) parseElements(of *yaml.Node) *yaml.Node {
	for n := p.parse(); n != nil; n = p.parse() {
		of.Content = append(of.Content, n)
	}
	return of
}
