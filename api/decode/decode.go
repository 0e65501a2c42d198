// Package decode decodes the bodies with which clients write web integrations, and
// validates what they ask for. It reads no requests and writes nothing.
package decode

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"originwarden/api/problem"
	"originwarden/envelope"
	"originwarden/store"
)

// Object decodes a body into the struct that given points to. A body that is not one
// JSON object, or has other members, is an error, the response to it.
func Object(body []byte, given any) error {
	// Unmarshal takes null for an object without members.
	if jsontext.Value(body).Kind() != '{' || json.Unmarshal(body, given, json.RejectUnknownMembers(true)) != nil {
		return problem.InvalidBody()
	}
	return nil
}

// Creation decodes what a client may set of a new web integration. The error is the
// response that lists all problems with its values.
func Creation(body []byte, rules Rules) (store.WebIntegration, error) {
	var given struct {
		Name         jsontext.Value `json:"name"`
		ValidOrigins jsontext.Value `json:"validOrigins"`
	}
	if err := Object(body, &given); err != nil {
		return store.WebIntegration{}, err
	}
	var w store.WebIntegration
	var problems, more []envelope.Error
	if given.Name == nil {
		problems = append(problems, problem.MissingField("name"))
	} else {
		w.Name, problems = decodeName(given.Name)
	}
	if given.ValidOrigins != nil {
		w.ValidOrigins, more = decodeOrigins("/validOrigins", given.ValidOrigins, rules)
		problems = append(problems, more...)
	}
	if problems != nil {
		return store.WebIntegration{}, problem.New(http.StatusBadRequest, problems...)
	}
	return w, nil
}

// OriginsEdit decodes which valid origins a client asks to add to a web integration,
// and which to remove from it. What is to be removed need not be valid any more. The
// error is the response that lists all problems with them.
func OriginsEdit(body []byte, rules Rules) (add, remove []string, err error) {
	var given struct {
		Add    jsontext.Value `json:"add"`
		Remove jsontext.Value `json:"remove"`
	}
	if err := Object(body, &given); err != nil {
		return nil, nil, err
	}
	var problems, more []envelope.Error
	if given.Add != nil {
		add, problems = decodeOrigins("/add", given.Add, rules)
	}
	if given.Remove != nil {
		remove, more = decodeEntries("/remove", given.Remove, rules, func([]string) map[int]error { return nil })
		problems = append(problems, more...)
	}
	if problems != nil {
		return nil, nil, problem.New(http.StatusBadRequest, problems...)
	}
	return add, remove, nil
}
