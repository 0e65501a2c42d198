package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// dress is what the gateway does to the headers of an answer.
type dress uint8

const (
	bare      dress = iota // no CORS headers, whoever set them
	shared                 // ours for the origin, and no others
	untouched              // whatever the tenant says
)

// stamps are the header values that answers have in common, made once.
type stamps struct {
	credentials   []string // nil: none
	expose        []string // nil: none
	methods       []string
	maxAge        []string
	vary          []string
	varyPreflight []string
	noStore       []string
}

func newStamps(c CORS) stamps {
	s := stamps{
		methods: []string{strings.Join(c.Methods, ", ")},
		maxAge:  []string{strconv.Itoa(int(c.MaxAge / time.Second))},

		vary:          []string{"Origin"},
		varyPreflight: []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
		noStore:       []string{"no-store"},
	}
	if c.Credentials {
		s.credentials = []string{"true"}
	}
	if len(c.ExposeHeaders) > 0 {
		s.expose = []string{strings.Join(c.ExposeHeaders, ", ")}
	}
	return s
}

// answer is the response of one exchange. Whoever writes it, every status
// leaves dressed: headers that were set before httputil runs would go out with
// the tenant's 103 and be cleared from the final response.
type answer struct {
	http.ResponseWriter
	exchange *exchange
	dress    dress
	stamps   *stamps
	origin   []string // the request's Origin lines
	status   int      // that was sent, 0 before
	sent     int64    // bytes of the body

	progress time.Duration // for each write; 0 is no limit
	control  *http.ResponseController
}

// WriteHeader sends an informational status at once and a final one only once,
// like net/http's own.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	header := a.Header()
	if status >= 100 && status < 200 {
		a.hint(status, header)
		return
	}
	a.status = status
	a.dressFinal(header)
	a.exchange.leaveConnection(header)
	a.ResponseWriter.WriteHeader(status)
}

// hint sends an informational status, which net/http writes at once. A client of
// HTTP/1.0 would take it for the answer (RFC 9110, section 15.2).
func (a *answer) hint(status int, header http.Header) {
	if a.exchange.http10 {
		return
	}
	if a.dress != untouched {
		stripCORS(header)
	}
	a.limit()
	a.ResponseWriter.WriteHeader(status)
	a.unlimit()
}

func (a *answer) dressFinal(header http.Header) {
	if a.dress == untouched {
		return
	}
	stripCORS(header)
	a.mergeVary(header)
	if a.dress == shared {
		a.share(header)
	}
}

// share sets the headers of a CORS response (Fetch, section 3.3.3). The bytes
// of the origin are those that came, because browsers compare bytes.
func (a *answer) share(header http.Header) {
	header["Access-Control-Allow-Origin"] = a.origin[:1:1]
	if a.stamps.credentials != nil {
		header["Access-Control-Allow-Credentials"] = a.stamps.credentials
	}
	if a.stamps.expose != nil {
		header["Access-Control-Expose-Headers"] = a.stamps.expose
	}
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	a.limit()
	n, err := a.ResponseWriter.Write(b)
	a.unlimit()
	if a.exchange.Method != http.MethodHead {
		a.sent += int64(n)
	}
	return n, err
}

// limit gives a client that reads nothing so long and no longer.
func (a *answer) limit() {
	if a.progress > 0 {
		a.control.SetWriteDeadline(time.Now().Add(a.progress))
	}
}

// unlimit ends limit with the write: a deadline that outlasts it would end an
// HTTP/2 stream that has nothing to say for a while.
func (a *answer) unlimit() {
	if a.progress > 0 {
		a.control.SetWriteDeadline(time.Time{})
	}
}

// limitRest leaves a limit for what net/http still has to send when the handler
// has returned, of HTTP/1. A connection's next exchange begins with unlimit.
func (a *answer) limitRest() {
	if a.exchange.http1 && a.status != http.StatusSwitchingProtocols {
		a.limit()
	}
}

// FlushError dresses the header that a flush would send by itself.
func (a *answer) FlushError() error {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	a.limit()
	defer a.unlimit()
	return a.control.Flush()
}

// Unwrap gives http.ResponseController the way to deadlines and hijacking.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// finish takes CORS headers out of the trailers. httputil puts those that the
// tenant announced under their names, where net/http sends the announced ones
// only, and the others under http.TrailerPrefix.
func (a *answer) finish() {
	if a.dress == untouched {
		return
	}
	for name := range a.Header() {
		if trailer, ok := strings.CutPrefix(name, http.TrailerPrefix); ok && isCORS(trailer) {
			delete(a.Header(), name)
		}
	}
}

const corsPrefix = "Access-Control-"

func isCORS(name string) bool {
	return len(name) >= len(corsPrefix) && strings.EqualFold(name[:len(corsPrefix)], corsPrefix)
}

// stripCORS removes what only the gateway may say, from the header and from
// the announced trailers.
func stripCORS(header http.Header) {
	for name := range header {
		if isCORS(name) {
			delete(header, name)
		}
	}
	if announced := header["Trailer"]; announced != nil {
		if kept := withoutCORS(announced); kept == "" {
			delete(header, "Trailer")
		} else {
			header["Trailer"] = []string{kept}
		}
	}
}

func withoutCORS(lines []string) string {
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" && !isCORS(name) {
				kept = append(kept, name)
			}
		}
	}
	return strings.Join(kept, ", ")
}

// mergeVary adds Origin to Vary unless it is there, or "*" is, and leaves one
// line without doubles.
func (a *answer) mergeVary(header http.Header) {
	lines := header["Vary"]
	if len(lines) == 0 {
		header["Vary"] = a.stamps.vary
		return
	}
	var names []string
	for _, line := range append(lines[:len(lines):len(lines)], "Origin") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if name == "*" {
				header["Vary"] = []string{"*"}
				return
			}
			if name != "" && !containsFold(names, name) {
				names = append(names, name)
			}
		}
	}
	header["Vary"] = []string{strings.Join(names, ", ")}
}

func containsFold(names []string, name string) bool {
	for _, have := range names {
		if strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}
