package upstream

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// maxAttempts is how often a request is sent by HTTP/2, as by http1.Pool.Send.
const maxAttempts = 3

// sendHTTP2 sends a request again if its connection is lost before the response: if
// nothing of it was sent, or if it is safe (RFC 9110, section 9.2.1) and has no body.
func (u *Upstream) sendHTTP2(r *http.Request) (res *http.Response, err error) {
	for range maxAttempts {
		var sent atomic.Bool
		res, err = u.http2.RoundTrip(u.noteSending(r, &sent))
		if err == nil || r.Context().Err() != nil || !mayRepeat(r, err, sent.Load()) {
			break
		}
		u.http2.CloseIdleConnections() // they may be lost too
	}
	return res, err
}

// noteSending returns r as it is sent, which sets sent when that begins. Over TLS, sent
// is set at once: there are no unused connections that can be lost, see agreeOnHTTP2.
func (u *Upstream) noteSending(r *http.Request, sent *atomic.Bool) *http.Request {
	if u.tls != nil {
		sent.Store(true)
		return r
	}
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}))
}

// mayRepeat reports whether a request that failed may be sent again.
func mayRepeat(r *http.Request, err error, sent bool) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return false // that was retried
	}
	isSafe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	return !sent || isSafe && r.Body == nil && isLoss(err)
}
