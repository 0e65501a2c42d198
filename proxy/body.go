package proxy

import (
	"errors"
	"net/http"
	"time"

	"originwarden/proxy/downstream"
	"originwarden/proxy/problem"
)

// limitBody limits the body of r.
func (x *referenceExchange) limitBody(r *http.Request) {
	if x.in.Length != 0 {
		x.body = downstream.NewBody(r.Body, x.response.control, x.settings.BodyBytes, x.settings.Timeouts.Progress)
	}
}

// withBody sets the limited body in out, a copy of the server's request. net/http
// must find its own body in the original.
func (x *referenceExchange) withBody(out *http.Request) *http.Request {
	if x.body != nil {
		out.Body = x.body
	}
	return out
}

// problemOfBody returns the problem if err comes from the client's body, or nil.
func (x *referenceExchange) problemOfBody(err error) *problem.Problem {
	switch {
	case errors.Is(err, downstream.ErrTooLarge):
		return problem.BodyTooLarge
	case errors.Is(err, downstream.ErrStalled), x.body.IsStalled():
		return problem.BodyStalled
	case errors.Is(err, downstream.ErrBroken):
		return problem.BodyBroken
	}
	return nil
}

// leftoverTimeout is for the body of a request that is answered without it. To
// keep the connection, net/http reads up to leftoverBytes of the rest before it
// sends the response, and would wait for a body that never comes.
const (
	leftoverTimeout = 500 * time.Millisecond
	leftoverBytes   = 256 << 10
)

// abandonBody stops all reading of the body when an exchange has ended: the
// transport may still read, but must not use anything of net/http's from then on.
// Over HTTP/1 it limits the wait for the rest, because net/http removes the
// deadline of a read that is under way.
func (x *referenceExchange) abandonBody() {
	if x.body == nil || x.body.IsWhole() || x.status == http.StatusSwitchingProtocols {
		return
	}
	x.body.Interrupt()
	if x.in.HTTP1 {
		x.response.control.SetReadDeadline(time.Now().Add(leftoverTimeout))
	}
}

// prepareConnection decides, before the header is sent, whether the connection can
// be kept.
func (x *referenceExchange) prepareConnection(header http.Header) {
	if !x.in.HTTP1 {
		return
	}
	unread := x.in.Length != 0 && !x.body.IsWhole()
	if unread && x.body == nil {
		x.response.control.SetReadDeadline(time.Now().Add(leftoverTimeout))
	}
	// The body may still be read, and a deadline would end a response that takes
	// long: the connection is given up instead. The same holds for HTTP/1.0, where
	// net/http ignores Transfer-Encoding and would read the chunks as the next
	// request (RFC 9112, section 6.1), and while the gateway stops.
	giveUp := unread && !x.canDiscardBody()
	if x.in.HTTP10() || giveUp || x.gateway.closing.Load() {
		header["Connection"] = []string{"close"}
	}
	x.conn.SetLingering(giveUp)
}

// canDiscardBody reports whether the request has a body that was not read, and that is
// short enough to keep the connection.
func (x *referenceExchange) canDiscardBody() bool {
	return x.body == nil && !x.in.HTTP10() && x.in.Length > 0 && x.in.Length <= leftoverBytes
}
