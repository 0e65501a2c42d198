package decode

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// Rules are what a tenant's entries have to comply with, besides the grammar.
type Rules struct {
	// Max is the number of entries that one web integration may have.
	Max int
	// Patterns are those that may be among the entries.
	Patterns origins.Patterns
}

// TooMany is the error for what is at pointer, which would have more entries than Max.
func (r Rules) TooMany(pointer string) envelope.Error {
	return problem.InvalidProperty(pointer, fmt.Sprintf("a web integration may have at most %d valid origins", r.Max))
}

// decodeName decodes v as a name, or returns what is wrong with it. v is valid JSON.
func decodeName(v jsontext.Value) (string, []envelope.Error) {
	name, ok := decodeString(v)
	wrong := store.NameProblem(name)
	if !ok {
		wrong = "the name is not a string"
	}
	if wrong != "" {
		return "", []envelope.Error{problem.InvalidProperty("/name", wrong)}
	}
	return name, nil
}

// decodeOrigins decodes v, which is at pointer, as a list of valid origins, or returns
// all problems with them. Too many are one problem. v is valid JSON.
func decodeOrigins(pointer string, v jsontext.Value, rules Rules) ([]string, []envelope.Error) {
	return decodeEntries(pointer, v, rules, func(entries []string) map[int]error { return store.OriginProblems(entries, rules.Patterns) })
}

// decodeEntries is like decodeOrigins, with other rules for the entries.
func decodeEntries(pointer string, v jsontext.Value, rules Rules, check func(entries []string) map[int]error) ([]string, []envelope.Error) {
	var elements []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &elements) != nil {
		return nil, []envelope.Error{problem.InvalidProperty(pointer, "the valid origins are not an array of strings")}
	}
	if len(elements) > rules.Max {
		return nil, []envelope.Error{rules.TooMany(pointer)}
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
			problems = append(problems, problem.InvalidProperty(at, "the entry is not a string"))
		} else if wrong[i] != nil {
			problems = append(problems, problem.InvalidProperty(at, wrong[i].Error()))
		}
	}
	return entries, problems
}

// decodeString decodes v if it is a string. v is valid JSON.
func decodeString(v jsontext.Value) (s string, ok bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}
