package decide

import (
	"net/http"
	"strconv"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/cors"
	"originwarden/proxy/request"
)

// Values that are the same in every answer. They are not changed.
var (
	isTrue  = []string{"true"}
	allowed = []string{string(origins.Allowed)}
	refused = []string{string(origins.Refused)}
)

// answer is the response to a question, in either lane. Each of the fields has one line.
type answer struct {
	status int
	fields []cors.Field
	body   []byte // nil: none
}

// answer returns the response to a question about a request.
func (d Dialect) answer(asked *request.Request, a proxy.Answer) answer {
	made := answer{a.Status, appendVerdict(a.Header, a.Verdict, a.Reason), a.Body}
	if a.DropsCredentials {
		made.add("Originwarden-Drop-Credentials", isTrue)
	}
	if a.KeepsCORS {
		made.add("Originwarden-Keep-Cors", isTrue)
	}
	switch {
	case a.Forwards:
		made.status = http.StatusOK
	case d == Nginx && a.Status >= http.StatusBadRequest && !isPreflight(asked):
		made.add("Originwarden-Status", []string{strconv.Itoa(a.Status)})
		made.status = http.StatusForbidden
	}
	return made
}

func (a *answer) add(name string, values []string) {
	a.fields = append(a.fields, cors.Field{Name: name, Values: values})
}

// isPreflight reports whether the request is a preflight. Nginx's auth_request knows only
// 401 and 403, but preflights cannot be asked by it, because they are answered here: Nginx
// passes them on, and sends what it gets.
func isPreflight(asked *request.Request) bool {
	kind, _ := asked.Kind()
	return kind == origins.Preflight
}

// appendVerdict appends the fields that every answer has.
func appendVerdict(all []cors.Field, verdict origins.Verdict, reason string) []cors.Field {
	value := refused
	if verdict == origins.Allowed {
		value = allowed
	}
	return append(all, cors.Field{Name: "Originwarden-Verdict", Values: value}, cors.Field{Name: "Originwarden-Reason", Values: []string{reason}})
}

// write sends the response by net/http.
func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	for _, f := range a.fields {
		header[f.Name] = f.Values
	}
	if a.body != nil {
		header["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	w.WriteHeader(a.status)
	if a.body != nil {
		w.Write(a.body)
	}
}
