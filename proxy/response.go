package proxy

import (
	"net/http"
	"sync"
	"time"

	"originwarden/proxy/downstream"
	"originwarden/proxy/fields"
)

// responseWriter writes the response of one exchange. It sets the CORS headers when
// a status is written: headers that were set before httputil runs would be sent
// with the tenant's 103 and be cleared from the final response.
type responseWriter struct {
	http.ResponseWriter
	exchange *referenceExchange

	control *http.ResponseController
	limit   *downstream.WriteLimit

	// writing is held for each write and flush: httputil also flushes by a timer.
	writing sync.Mutex
	pending bool // something was written and not flushed
}

// WriteHeader sends an informational status at once and a final one only once,
// like net/http's own.
func (w *responseWriter) WriteHeader(status int) {
	if w.exchange.status != 0 {
		return
	}
	header := w.Header()
	if status >= 100 && status < 200 {
		w.sendInformational(status, header)
		return
	}
	w.exchange.status, w.pending = status, true
	fields.LimitAnnounced(header)
	w.exchange.setCORS(header)
	w.exchange.prepareConnection(header)
	w.nameFields(header)
	w.ResponseWriter.WriteHeader(status)
	w.exchange.body.Extend()
}

// nameFields keeps net/http from adding fields to a tenant's response, and spells the
// names of fields in an HTTP/1 response as the tenant or the standards do.
func (w *responseWriter) nameFields(header http.Header) {
	if w.exchange.forwarded {
		for _, invented := range [...]string{"Content-Type", "Date"} {
			if _, set := header[invented]; !set {
				header[invented] = nil
			}
		}
	}
	switch {
	case !w.exchange.in.HTTP1:
	case w.exchange.forwarded:
		w.exchange.spelling.Apply(header)
	default:
		fields.Respell(header)
	}
}

// sendInformational sends an informational status, which net/http writes at once.
// A client of HTTP/1.0 would read it as the response (RFC 9110, section 15.2).
func (w *responseWriter) sendInformational(status int, header http.Header) {
	if w.exchange.in.HTTP10() {
		return
	}
	w.exchange.stripTenantFields(header)
	w.limit.Begin()
	w.ResponseWriter.WriteHeader(status)
	w.limit.End(nil)
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.exchange.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.writeLimited(func() (int, error) { return w.ResponseWriter.Write(b) })
	w.pending = true
	if w.exchange.Method != http.MethodHead {
		w.exchange.sent += int64(n)
	}
	return n, err
}

// writeLimited limits how long a write may take.
func (w *responseWriter) writeLimited(write func() (int, error)) (int, error) {
	w.limit.Begin()
	n, err := write()
	if w.limit.End(err); err == nil {
		w.exchange.body.Extend()
	}
	return n, err
}

// limitRemainder leaves a limit for what net/http still has to send over HTTP/1
// after the handler has returned. The connection's next exchange removes it.
func (w *responseWriter) limitRemainder() {
	if w.exchange.in.HTTP1 && w.exchange.status != http.StatusSwitchingProtocols {
		w.limit.Begin()
	}
}

// FlushError is for http.ResponseController. It writes the header first.
func (w *responseWriter) FlushError() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.exchange.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.pending {
		return nil
	}
	w.pending = false
	_, err := w.writeLimited(func() (int, error) { return 0, w.control.Flush() })
	return err
}

// flushPending sends what was written, before the gateway waits for the tenant. The
// next write returns the error.
func (w *responseWriter) flushPending() {
	if w.exchange.status != 0 {
		w.FlushError()
	}
}

// SetWriteDeadline is for http.ResponseController.
func (w *responseWriter) SetWriteDeadline(deadline time.Time) error {
	return w.limit.SetDeadline(deadline)
}

// Unwrap is for http.ResponseController, for deadlines and hijacking.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
