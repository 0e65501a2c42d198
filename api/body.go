package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// readBody reads the body of r, whose Content-Type must be one of mediaTypes. A body
// without a type is refused: forms and scripts of other sites can send that
// without a preflight.
func (t *tenantRequest) readBody(w http.ResponseWriter, r *http.Request, mediaTypes ...string) ([]byte, error) {
	if !hasMediaType(r.Header.Values("Content-Type"), mediaTypes) {
		response := requestError(http.StatusUnsupportedMediaType, "The body has to be "+strings.Join(mediaTypes, " or ")+".")
		if r.Method == http.MethodPatch { // RFC 5789, section 2.2
			response.header = http.Header{"Accept-Patch": {strings.Join(mediaTypes, ", ")}}
		}
		return nil, response
	}
	tooLarge := requestError(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", t.Limits.Body))
	if r.ContentLength > t.Limits.Body {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.Limits.Body))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil && errorResponseFor(err) == nil { // the client or a deadline of the connection ended it
		err = invalidBody()
	}
	return body, err
}

// hasMediaType reports whether there is one Content-Type line, and it names one of the
// media types. Parameters mean nothing to JSON (RFC 8259, section 11).
func hasMediaType(lines, mediaTypes []string) bool {
	if len(lines) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(lines[0])
	return err == nil && slices.Contains(mediaTypes, mediaType)
}

// decodeCreation decodes what a client may set of a new web integration. The
// error lists all problems with its values.
func decodeCreation(body []byte, rules entryRules) (store.WebIntegration, error) {
	var given struct {
		Name         jsontext.Value `json:"name"`
		ValidOrigins jsontext.Value `json:"validOrigins"`
	}
	// Unmarshal takes null for an object without members.
	if jsontext.Value(body).Kind() != '{' || json.Unmarshal(body, &given, json.RejectUnknownMembers(true)) != nil {
		return store.WebIntegration{}, invalidBody()
	}
	var w store.WebIntegration
	var problems, more []envelope.Error
	if given.Name == nil {
		problems = append(problems, envelope.Error{
			Code: "WEBINTEGRATIONS-5", Title: "Missing required fields",
			Meta: map[string]any{"requiredFields": []string{"name"}},
		})
	} else {
		w.Name, problems = decodeName(given.Name)
	}
	if given.ValidOrigins != nil {
		w.ValidOrigins, more = decodeOrigins("/validOrigins", given.ValidOrigins, rules)
		problems = append(problems, more...)
	}
	if problems != nil {
		return store.WebIntegration{}, newErrorResponse(http.StatusBadRequest, problems...)
	}
	return w, nil
}

// decodeName decodes v as a name, or returns what is wrong with it. v is valid JSON.
func decodeName(v jsontext.Value) (string, []envelope.Error) {
	name, ok := decodeString(v)
	problem := store.NameProblem(name)
	if !ok {
		problem = "the name is not a string"
	}
	if problem != "" {
		return "", []envelope.Error{invalidProperty("/name", problem)}
	}
	return name, nil
}

// entryRules are what a tenant's entries have to comply with, besides the grammar.
type entryRules struct {
	max      int // entries of one web integration
	patterns origins.Patterns
}

func (t *tenantRequest) entryRules() entryRules {
	return entryRules{t.Limits.Origins, t.permittedPatterns()}
}

func (t *tenantRequest) permittedPatterns() origins.Patterns {
	if t.Patterns == nil {
		return origins.NoPatterns
	}
	return t.Patterns(t.tenant)
}

// decodeOrigins decodes v, which is at pointer, as a list of valid origins, or returns
// all problems with them. Too many are one problem. v is valid JSON.
func decodeOrigins(pointer string, v jsontext.Value, rules entryRules) ([]string, []envelope.Error) {
	return decodeEntries(pointer, v, rules, func(entries []string) map[int]error { return store.OriginProblems(entries, rules.patterns) })
}

// decodeEntries is like decodeOrigins, with other rules for the entries.
func decodeEntries(pointer string, v jsontext.Value, rules entryRules, check func(entries []string) map[int]error) ([]string, []envelope.Error) {
	var elements []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &elements) != nil {
		return nil, []envelope.Error{invalidProperty(pointer, "the valid origins are not an array of strings")}
	}
	if len(elements) > rules.max {
		return nil, []envelope.Error{rules.tooMany(pointer)}
	}
	entries := make([]string, len(elements))
	for i, element := range elements {
		entries[i], _ = decodeString(element)
	}
	var problems []envelope.Error
	wrong := check(entries)
	for i, element := range elements {
		at := pointer + "/" + strconv.Itoa(i)
		if element.Kind() != '"' {
			problems = append(problems, invalidProperty(at, "the entry is not a string"))
		} else if wrong[i] != nil {
			problems = append(problems, invalidProperty(at, wrong[i].Error()))
		}
	}
	return entries, problems
}

func (r entryRules) tooMany(pointer string) envelope.Error {
	return invalidProperty(pointer, fmt.Sprintf("a web integration may have at most %d valid origins", r.max))
}

// decodeString decodes v if it is a string. v is valid JSON.
func decodeString(v jsontext.Value) (s string, ok bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}
