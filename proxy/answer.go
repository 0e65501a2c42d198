package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
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
	stalled  bool // a write was ended by progress

	// writing is held for each write and flush: httputil flushes by a timer, too.
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
		a.hint(status, header)
		return
	}
	a.status, a.pending = status, true
	fields.LimitAnnounced(header)
	a.dressFinal(header)
	a.exchange.leaveConnection(header)
	a.name(header)
	a.ResponseWriter.WriteHeader(status)
	a.exchange.body.Extend()
}

// name keeps net/http from saying what the tenant did not, and gives the fields
// of an HTTP/1 answer their names: the tenant's, or those of the standards.
func (a *answer) name(header http.Header) {
	if a.exchange.forwarded {
		for _, invented := range [...]string{"Content-Type", "Date"} {
			if _, said := header[invented]; !said {
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

// hint sends an informational status, which net/http writes at once. A client of
// HTTP/1.0 would take it for the answer (RFC 9110, section 15.2).
func (a *answer) hint(status int, header http.Header) {
	if a.exchange.http10 {
		return
	}
	if a.dress != untouched {
		fields.StripCORS(header)
	}
	a.limit()
	a.ResponseWriter.WriteHeader(status)
	a.unlimit()
}

func (a *answer) dressFinal(header http.Header) {
	if a.dress == untouched {
		return
	}
	fields.StripCORS(header)
	a.mergeVary(header)
	if a.dress == shared {
		a.share(header)
	}
}

func (a *answer) mergeVary(header http.Header) {
	if lines := header["Vary"]; len(lines) > 0 {
		header["Vary"] = []string{fields.MergeVary(lines)}
		return
	}
	header["Vary"] = a.stamps.vary
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
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.limited(func() (int, error) { return a.ResponseWriter.Write(b) })
	a.pending = true
	if a.exchange.Method != http.MethodHead {
		a.sent += int64(n)
	}
	return n, err
}

// limited gives a client that reads nothing so long for a write and no longer. A
// deadline that outlasts it would end an HTTP/2 stream that has nothing to say
// for a while.
func (a *answer) limited(write func() (int, error)) (int, error) {
	began := a.limit()
	n, err := write()
	if err != nil {
		a.stalled = a.progress > 0 && time.Since(began) >= a.progress
		return n, err
	}
	a.unlimit()
	a.exchange.body.Extend()
	return n, nil
}

// limit begins the time for a write.
func (a *answer) limit() (began time.Time) {
	if a.progress > 0 {
		began = time.Now()
		a.control.SetWriteDeadline(began.Add(a.progress))
	}
	return began
}

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
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.pending {
		return nil
	}
	a.pending = false
	_, err := a.limited(func() (int, error) { return 0, a.control.Flush() })
	return err
}

// flushPending sends what was written before the tenant is waited for. Whoever
// writes next gets the error.
func (a *answer) flushPending() {
	if a.status != 0 {
		a.FlushError()
	}
}

// SetWriteDeadline is for http.ResponseController. Over HTTP/2 a deadline resets
// the stream, but the frame that does so waits behind what the client does not
// read: with one that has passed, such a connection is ended.
func (a *answer) SetWriteDeadline(deadline time.Time) error {
	err := a.control.SetWriteDeadline(deadline)
	if !a.exchange.http1 && !deadline.IsZero() && !deadline.After(time.Now()) {
		a.exchange.conn.CutStalled()
	}
	return err
}

// Unwrap gives http.ResponseController the way to deadlines and hijacking.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
