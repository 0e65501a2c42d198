package proxy

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"originwarden/origins"
	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
)

// corsFields says which CORS headers an answer has.
type corsFields uint8

const (
	corsNone   corsFields = iota
	corsShared            // ours for the origin, and no others
	corsKept              // those already in the header
)

// fixedValues are header values that are the same in every response.
type fixedValues struct {
	credentials   []string // nil: none
	expose        []string // nil: none
	methods       []string
	maxAge        []string
	vary          []string
	varyPreflight []string
	noStore       []string
}

func newFixedValues(c CORS) fixedValues {
	s := fixedValues{
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

// answerPreflight answers an allowed preflight (Fetch, section 3.3.4) without the
// tenant. It lists the requested headers by name, because "*" means nothing to a
// credentialed request.
func (x *exchange) answerPreflight(r *http.Request) {
	fixed := &x.settings.fixed
	x.answer.cors = corsKept
	header := x.answer.Header()
	header["Access-Control-Allow-Origin"] = x.answer.origin[:1:1]
	if fixed.credentials != nil {
		header["Access-Control-Allow-Credentials"] = fixed.credentials
	}
	header["Access-Control-Allow-Methods"] = fixed.methods
	if names := requestedHeaders(r); names != "" {
		header["Access-Control-Allow-Headers"] = []string{names}
	}
	header["Access-Control-Max-Age"] = fixed.maxAge
	header["Vary"] = fixed.varyPreflight
	header["Cache-Control"] = fixed.noStore
	x.answer.WriteHeader(http.StatusNoContent)
}

// requestedHeaders returns the names of Access-Control-Request-Headers, each once,
// in lower case.
func requestedHeaders(r *http.Request) string {
	var names []string
	for name, ok := range origins.RequestHeaders(r.Header["Access-Control-Request-Headers"]) {
		if name = strings.ToLower(name); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// answer is the response of one exchange. It sets the CORS headers when a status is
// written: headers that were set before httputil runs would be sent with the
// tenant's 103 and be cleared from the final response.
type answer struct {
	http.ResponseWriter
	exchange *exchange
	cors     corsFields
	origin   []string // the request's Origin lines
	status   int      // 0 until it was sent
	sent     int64    // bytes of the body

	progress time.Duration // for each write; 0 is no limit
	control  *http.ResponseController
	stalled  bool // a write exceeded progress

	// writing is held for each write and flush: httputil also flushes by a timer.
	writing sync.Mutex
	pending bool // something was written and not flushed
}

// WriteHeader sends an informational status at once and a final one only once,
// like net/http's own.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	header := a.Header()
	if status >= 100 && status < 200 {
		a.sendInformational(status, header)
		return
	}
	a.status, a.pending = status, true
	fields.LimitAnnounced(header)
	a.setCORS(header)
	a.exchange.prepareConnection(header)
	a.nameFields(header)
	a.ResponseWriter.WriteHeader(status)
	a.exchange.body.Extend()
}

// nameFields keeps net/http from adding fields to a tenant's answer, and spells the
// names of fields in an HTTP/1 answer as the tenant or the standards do.
func (a *answer) nameFields(header http.Header) {
	if a.exchange.forwarded {
		for _, invented := range [...]string{"Content-Type", "Date"} {
			if _, set := header[invented]; !set {
				header[invented] = nil
			}
		}
	}
	switch {
	case !a.exchange.http1:
	case a.exchange.forwarded:
		a.exchange.spelling.Apply(header)
	default:
		http1.Respell(header)
	}
}

// sendInformational sends an informational status, which net/http writes at once.
// A client of HTTP/1.0 would read it as the answer (RFC 9110, section 15.2).
func (a *answer) sendInformational(status int, header http.Header) {
	if a.exchange.http10 {
		return
	}
	if a.cors != corsKept {
		fields.StripCORS(header)
	}
	a.startWriteTimer()
	a.ResponseWriter.WriteHeader(status)
	a.stopWriteTimer()
}

func (a *answer) setCORS(header http.Header) {
	if a.cors == corsKept {
		return
	}
	fields.StripCORS(header)
	a.mergeVary(header)
	if a.cors == corsShared {
		a.addCORS(header)
	}
}

func (a *answer) mergeVary(header http.Header) {
	if lines := header["Vary"]; len(lines) > 0 {
		header["Vary"] = []string{fields.MergeVary(lines)}
		return
	}
	header["Vary"] = a.exchange.settings.fixed.vary
}

// addCORS sets the headers of a CORS response (Fetch, section 3.3.3). It echoes the
// bytes of the origin, because browsers compare bytes.
func (a *answer) addCORS(header http.Header) {
	header["Access-Control-Allow-Origin"] = a.origin[:1:1]
	if a.exchange.settings.fixed.credentials != nil {
		header["Access-Control-Allow-Credentials"] = a.exchange.settings.fixed.credentials
	}
	if a.exchange.settings.fixed.expose != nil {
		header["Access-Control-Expose-Headers"] = a.exchange.settings.fixed.expose
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.writeLimited(func() (int, error) { return a.ResponseWriter.Write(b) })
	a.pending = true
	if a.exchange.Method != http.MethodHead {
		a.sent += int64(n)
	}
	return n, err
}

// writeLimited limits how long a write may take, for clients that do not read. A
// deadline that outlasts the write would end an HTTP/2 stream that is quiet for a
// while.
func (a *answer) writeLimited(write func() (int, error)) (int, error) {
	began := a.startWriteTimer()
	n, err := write()
	if err != nil {
		a.stalled = a.progress > 0 && time.Since(began) >= a.progress
		return n, err
	}
	a.stopWriteTimer()
	a.exchange.body.Extend()
	return n, nil
}

func (a *answer) startWriteTimer() (began time.Time) {
	if a.progress > 0 {
		began = time.Now()
		a.control.SetWriteDeadline(began.Add(a.progress))
	}
	return began
}

func (a *answer) stopWriteTimer() {
	if a.progress > 0 {
		a.control.SetWriteDeadline(time.Time{})
	}
}

// limitRemainder leaves a limit for what net/http still has to send over HTTP/1
// after the handler has returned. The connection's next exchange removes it.
func (a *answer) limitRemainder() {
	if a.exchange.http1 && a.status != http.StatusSwitchingProtocols {
		a.startWriteTimer()
	}
}

// FlushError is for http.ResponseController. It writes the header first.
func (a *answer) FlushError() error {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.pending {
		return nil
	}
	a.pending = false
	_, err := a.writeLimited(func() (int, error) { return 0, a.control.Flush() })
	return err
}

// flushPending sends what was written, before the gateway waits for the tenant. The
// next write returns the error.
func (a *answer) flushPending() {
	if a.status != 0 {
		a.FlushError()
	}
}

// SetWriteDeadline is for http.ResponseController. Over HTTP/2 a deadline resets
// the stream, but the frame for that waits behind what the client does not read:
// if the deadline has passed, such a connection is closed.
func (a *answer) SetWriteDeadline(deadline time.Time) error {
	err := a.control.SetWriteDeadline(deadline)
	if !a.exchange.http1 && !deadline.IsZero() && !deadline.After(time.Now()) {
		a.exchange.conn.CutStalled()
	}
	return err
}

// Unwrap is for http.ResponseController, for deadlines and hijacking.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
