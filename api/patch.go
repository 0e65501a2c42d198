package api

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/envelope"
	"originwarden/store"
)

// patch is what the operations of a JSON Patch (RFC 6902) come down to. A nil
// field is left as it is.
type patch struct {
	name         *string
	validOrigins *[]string
}

// decodePatch reads a JSON Patch of which every operation replaces a name or
// the valid origins. All that is wrong with them is one error.
func decodePatch(body []byte, maxOrigins int) (*patch, error) {
	document := jsontext.Value(body)
	if !document.IsValid() {
		return nil, unreadable()
	}
	var operations []jsontext.Value
	if document.Kind() != '[' || json.Unmarshal(document, &operations) != nil {
		return nil, refuseWith(http.StatusBadRequest, invalidPatch("", "a patch is an array of operations"))
	}
	p := &patch{}
	var problems []envelope.Error
	for i, operation := range operations {
		problems = append(problems, p.add("/"+strconv.Itoa(i), operation, maxOrigins)...)
		// A body can hold many more mistakes than anybody reads.
		if len(problems) > maxOrigins {
			break
		}
	}
	if problems != nil {
		return nil, refuseWith(http.StatusBadRequest, problems...)
	}
	return p, nil
}

// add takes in the operation at pointer, or returns what is wrong with it.
// Members that RFC 6902 does not define are ignored, as its section 4 demands.
func (p *patch) add(pointer string, operation jsontext.Value, maxOrigins int) []envelope.Error {
	var given struct {
		Op    jsontext.Value `json:"op"`
		Path  jsontext.Value `json:"path"`
		Value jsontext.Value `json:"value"`
	}
	if operation.Kind() != '{' || json.Unmarshal(operation, &given) != nil {
		return []envelope.Error{invalidPatch(pointer, "an operation is an object")}
	}
	op, isString := stringOf(given.Op)
	path, isPath := stringOf(given.Path)
	switch {
	case !isString || op != "replace":
		return []envelope.Error{invalidPatch(pointer+"/op", "the only operation is replace")}
	case !isPath || path != "/name" && path != "/validOrigins":
		return []envelope.Error{invalidPatch(pointer+"/path", "only /name and /validOrigins can be replaced")}
	case given.Value == nil:
		return []envelope.Error{invalidPatch(pointer, "the operation has no value")}
	case path == "/name":
		name, problems := nameOf(given.Value)
		p.name = &name
		return problems
	}
	entries, problems := originsOf(unquoted(given.Value), maxOrigins)
	p.validOrigins = &entries
	return problems
}

// unquoted returns the array that a value for the valid origins stands for. The
// value is documented as a string, and command lines send what they were given:
// an array or a string as JSON, or one origin as it is.
func unquoted(v jsontext.Value) jsontext.Value {
	text, ok := stringOf(v)
	if !ok {
		return v
	}
	if inner := jsontext.Value(text); inner.IsValid() {
		switch inner.Kind() {
		case '[':
			return inner
		case '"':
			return arrayOf(inner)
		}
	}
	return arrayOf(v)
}

func arrayOf(v jsontext.Value) jsontext.Value {
	return jsontext.Value("[" + string(v) + "]")
}

// apply changes w, or returns store.ErrUnchanged when there is no operation.
func (p *patch) apply(w *store.WebIntegration) error {
	if p.name == nil && p.validOrigins == nil {
		return store.ErrUnchanged
	}
	if p.name != nil {
		w.Name = *p.name
	}
	if p.validOrigins != nil {
		w.ValidOrigins = *p.validOrigins
	}
	w.LastUpdated = now()
	return nil
}

// changes is what the patch changes of a web integration, or nil of one that was
// not read or that it leaves as it was.
func (p *patch) changes(before store.WebIntegration) *Change {
	after := before
	if before.ID == "" || p.apply(&after) != nil {
		return nil
	}
	if after.Name == before.Name && slices.Equal(after.ValidOrigins, before.ValidOrigins) {
		return nil
	}
	return changeOf(before, after)
}
