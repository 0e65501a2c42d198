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

// patch is the result of the operations of a JSON Patch (RFC 6902). A nil field
// is not changed.
type patch struct {
	name         *string
	validOrigins *[]string
}

// decodePatch decodes a JSON Patch whose operations replace the name or the valid
// origins. The error lists all problems with them.
func decodePatch(body []byte, rules entryRules) (*patch, error) {
	document := jsontext.Value(body)
	if !document.IsValid() {
		return nil, invalidBody()
	}
	var operations []jsontext.Value
	if document.Kind() != '[' || json.Unmarshal(document, &operations) != nil {
		return nil, newErrorResponse(http.StatusBadRequest, invalidPatch("", "a patch has to be an array of operations"))
	}
	p := &patch{}
	var problems []envelope.Error
	for i, operation := range operations {
		problems = append(problems, p.addOperation("/"+strconv.Itoa(i), operation, rules)...)
		if len(problems) > rules.max { // nobody reads more
			break
		}
	}
	if problems != nil {
		return nil, newErrorResponse(http.StatusBadRequest, problems...)
	}
	return p, nil
}

// addOperation adds the operation at pointer, or returns what is wrong with it.
// Members that RFC 6902 does not define are ignored, as its section 4 demands.
func (p *patch) addOperation(pointer string, operation jsontext.Value, rules entryRules) []envelope.Error {
	var given struct {
		Op    jsontext.Value `json:"op"`
		Path  jsontext.Value `json:"path"`
		Value jsontext.Value `json:"value"`
	}
	if operation.Kind() != '{' || json.Unmarshal(operation, &given) != nil {
		return []envelope.Error{invalidPatch(pointer, "an operation has to be an object")}
	}
	op, _ := decodeString(given.Op)
	path, _ := decodeString(given.Path)
	switch {
	case op != "replace":
		return []envelope.Error{invalidPatch(pointer+"/op", "the only operation is replace")}
	case path != "/name" && path != "/validOrigins":
		return []envelope.Error{invalidPatch(pointer+"/path", "only /name and /validOrigins can be replaced")}
	case given.Value == nil:
		return []envelope.Error{invalidPatch(pointer, "the operation has no value")}
	case path == "/name":
		name, problems := decodeName(given.Value)
		p.name = &name
		return problems
	}
	entries, problems := decodeOrigins("/validOrigins", unquoteOrigins(given.Value), rules)
	p.validOrigins = &entries
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

// applyTo changes w, or returns store.ErrUnchanged if there is no operation.
func (p *patch) applyTo(w *store.WebIntegration) error {
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

// diffFrom returns what the patch changes in a web integration, or nil if before
// was not read or nothing changes.
func (p *patch) diffFrom(before store.WebIntegration) *Diff {
	after := before
	if before.ID == "" || p.applyTo(&after) != nil {
		return nil
	}
	if after.Name == before.Name && slices.Equal(after.ValidOrigins, before.ValidOrigins) {
		return nil
	}
	return newDiff(before, after)
}
