package ask

import (
	"fmt"
	"net/http"
	"strings"

	"originwarden/origins"
)

// Question is a request that a page, or a program, would send to a tenant.
type Question struct {
	// Origin is the value of Origin, and NoOrigin says that there is no such line.
	Origin   string
	NoOrigin bool
	Method   string
	// Path begins with a slash, and may have a query.
	Path string
	// Headers are the names of headers that the page sets.
	Headers []string
	// Integration is the id of the web integration that the request names, or "".
	Integration string
	WebSocket   bool
}

// The limits of a question, in bytes and in names.
const (
	maxValue   = 1024
	maxHeaders = 50
)

// Mistake says what is wrong with a field of a question.
type Mistake struct {
	Field   string // origin, method, path, headers or integration
	Problem string // a sentence without its period
}

// Mistakes returns everything in q of which no request can be made. An origin that no
// browser would send is not a mistake.
func (q *Question) Mistakes() (all []Mistake) {
	add := func(field, format string, values ...any) {
		all = append(all, Mistake{field, fmt.Sprintf(format, values...)})
	}
	for field, value := range map[string]string{"origin": q.Origin, "integration": q.Integration} {
		switch {
		case len(value) > maxValue:
			add(field, "It is longer than %d bytes", maxValue)
		case strings.ContainsFunc(value, isNotInValue):
			add(field, "It has characters that a header cannot have")
		}
	}
	if !origins.IsToken(q.Method) || len(q.Method) > maxValue {
		add("method", "%.80q is not a method", q.Method)
	}
	switch {
	case !strings.HasPrefix(q.Path, "/"):
		add("path", "It does not begin with a slash")
	case len(q.Path) > maxValue:
		add("path", "It is longer than %d bytes", maxValue)
	case strings.ContainsFunc(q.Path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' }):
		add("path", "It has spaces or other characters that must be escaped in a URL")
	}
	if len(q.Headers) > maxHeaders {
		add("headers", "It has more than %d names", maxHeaders)
	}
	for _, name := range q.Headers[:min(len(q.Headers), maxHeaders)] {
		if !origins.IsToken(name) || len(name) > maxValue {
			add("headers", "%.80q is not the name of a header", name)
		}
	}
	return all
}

// isNotInValue reports whether a header's value that is sent by this console cannot have
// the character (RFC 9110, section 5.5).
func isNotInValue(c rune) bool { return c < ' ' || c == 0x7f }

// NeedsPreflight reports whether a browser asks before it sends the request of a page of
// another origin (Fetch, HTTP fetch, step 4): because of its method, or of a header that
// is not CORS-safelisted. Content-Type counts, because application/json is not safelisted.
func (q *Question) NeedsPreflight() bool {
	if q.NoOrigin || q.WebSocket {
		return false
	}
	return q.Method != "GET" && q.Method != "HEAD" && q.Method != "POST" || len(q.unsafeHeaders()) > 0
}

// unsafeHeaders returns the names that a preflight asks for, in lower case.
func (q *Question) unsafeHeaders() (names []string) {
	for _, name := range q.Headers {
		switch name = strings.ToLower(name); name {
		case "accept", "accept-language", "content-language", "range":
		default:
			names = append(names, name)
		}
	}
	if q.Integration != "" {
		names = append(names, strings.ToLower(integrationName))
	}
	return names
}

const integrationName = "Qlik-Web-Integration-Id"

// Preflight returns the preflight that a browser sends before Request to a host.
func (q *Question) Preflight(host string) *http.Request {
	header := http.Header{"Origin": {q.Origin}, "Access-Control-Request-Method": {q.Method}}
	if names := q.unsafeHeaders(); names != nil {
		header["Access-Control-Request-Headers"] = []string{strings.Join(names, ",")}
	}
	return newRequest(http.MethodOptions, host, q.Path, header)
}

// Request returns the request to a host. A header that it sets has no useful value. A
// WebSocket handshake is a GET, whatever the Method.
func (q *Question) Request(host string) *http.Request {
	header := http.Header{}
	for _, name := range q.Headers {
		header[http.CanonicalHeaderKey(name)] = []string{"x"}
	}
	if !q.NoOrigin {
		header["Origin"] = []string{q.Origin}
	}
	path, method := q.Path, q.Method
	if q.WebSocket {
		method = http.MethodGet
		header["Upgrade"], header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
		header["Sec-Websocket-Version"], header["Sec-Websocket-Key"] = []string{"13"}, []string{"b3JpZ2lud2FyZGVuLWFzaw=="}
	}
	switch {
	case q.Integration == "":
	case q.WebSocket: // in which a browser can set no header
		path += separator(path) + strings.ToLower(integrationName) + "=" + escapeQuery(q.Integration)
	default:
		header[integrationName] = []string{q.Integration}
	}
	return newRequest(method, host, path, header)
}

func separator(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}
