package decode

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/store"
)

// Replacements are what the operations of a JSON Patch (RFC 6902) replace in a web
// integration. A nil field is not changed.
type Replacements struct {
	Name         *string
	ValidOrigins *[]string
}

// Patch decodes a JSON Patch whose operations replace the name or the valid origins.
// The error is the response that lists all problems with them.
func Patch(body []byte, rules Rules) (*Replacements, error) {
	document := jsontext.Value(body)
	if !document.IsValid() {
		return nil, problem.InvalidBody()
	}
	var operations []jsontext.Value
	if document.Kind() != '[' || json.Unmarshal(document, &operations) != nil {
		return nil, problem.New(http.StatusBadRequest, problem.InvalidPatch("", "a patch has to be an array of operations"))
	}
	p := &Replacements{}
	var problems []envelope.Error
	for i, operation := range operations {
		problems = append(problems, p.addOperation("/"+strconv.Itoa(i), operation, rules)...)
		if len(problems) > rules.Max { // nobody reads more
			break
		}
	}
	if problems != nil {
		return nil, problem.New(http.StatusBadRequest, problems...)
	}
	return p, nil
}

// addOperation adds the operation at pointer, or returns what is wrong with it.
// Members that RFC 6902 does not define are ignored, as its section 4 demands.
func (p *Replacements) addOperation(pointer string, operation jsontext.Value, rules Rules) []envelope.Error {
	var given struct {
		Op    jsontext.Value `json:"op"`
		Path  jsontext.Value `json:"path"`
		Value jsontext.Value `json:"value"`
	}
	if operation.Kind() != '{' || json.Unmarshal(operation, &given) != nil {
		return []envelope.Error{problem.InvalidPatch(pointer, "an operation has to be an object")}
	}
	op, _ := decodeString(given.Op)
	path, _ := decodeString(given.Path)
	switch {
	case op != "replace":
		return []envelope.Error{problem.InvalidPatch(pointer+"/op", "the only operation is replace")}
	case path != "/name" && path != "/validOrigins":
		return []envelope.Error{problem.InvalidPatch(pointer+"/path", "only /name and /validOrigins can be replaced")}
	case given.Value == nil:
		return []envelope.Error{problem.InvalidPatch(pointer, "the operation has no value")}
	case path == "/name":
		name, problems := decodeName(given.Value)
		p.Name = &name
		return problems
	}
	entries, problems := decodeOrigins("/validOrigins", unquoteOrigins(given.Value), rules)
	p.ValidOrigins = &entries
	return problems
}

// unquoteOrigins returns the array of valid origins that a value stands for. The
// value is documented as a string, and command lines send what they were given:
// an array or a string as JSON, or one origin as it is.
func unquoteOrigins(v jsontext.Value) jsontext.Value {
	text, ok := decodeString(v)
	if !ok {
		return v
	}
	if inner := jsontext.Value(text); inner.IsValid() {
		switch inner.Kind() {
		case '[':
			return inner
		case '"':
			v = inner
		}
	}
	return jsontext.Value("[" + string(v) + "]")
}

// ApplyTo changes w, or returns store.ErrUnchanged if there is no operation.
func (p *Replacements) ApplyTo(w *store.WebIntegration) error {
	if p.Name == nil && p.ValidOrigins == nil {
		return store.ErrUnchanged
	}
	if p.Name != nil {
		w.Name = *p.Name
	}
	if p.ValidOrigins != nil {
		w.ValidOrigins = *p.ValidOrigins
	}
	return nil
}
