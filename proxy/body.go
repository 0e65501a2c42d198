package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Why the body of a request could not be read to its end.
var (
	errBodyTooLarge = errors.New("the request's body is larger than permitted")
	errBodyStalled  = errors.New("the request's body made no progress")
	errBodyBroken   = errors.New("the request's body broke off")
)

// body is the body of a request, held to a size and to progress.
type body struct {
	io.ReadCloser
	control  *http.ResponseController
	left     int64         // bytes that may still come; negative is no limit
	patience time.Duration // for each read; 0 is no limit
	due      atomic.Int64  // when the read that waits has to have ended, in Unix nanoseconds; 0 is none
}

// limitBody holds the body of r to the gateway's limits, or says that it is
// too large already by its own account.
func (g *Gateway) limitBody(x *exchange, r *http.Request) *problem {
	if r.Body == nil || r.Body == http.NoBody || g.bodyMax <= 0 && g.progress <= 0 {
		return nil
	}
	left := int64(-1)
	if g.bodyMax > 0 {
		if left = g.bodyMax; r.ContentLength > g.bodyMax {
			return bodyTooLarge
		}
	}
	limited := &body{ReadCloser: r.Body, control: x.answer.control, left: left, patience: g.progress}
	x.body = limited
	limited.expect() // also of net/http, which reads what a handler has left
	r.Body = limited
	return nil
}

// Read fails with one of the errors above, or io.EOF. The deadline does not
// outlast a whole body: net/http goes on to watch the connection.
func (b *body) Read(p []byte) (int, error) {
	due := b.expect()
	b.due.Store(due)
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		b.due.Store(0)
	}
	if b.left >= 0 {
		if b.left -= int64(n); b.left < 0 {
			return 0, errBodyTooLarge
		}
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.control.SetReadDeadline(time.Time{})
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, errBodyStalled
	}
	return n, fmt.Errorf("%w: %w", errBodyBroken, err)
}

// expect waits for the next bytes so long and no longer.
func (b *body) expect() (due int64) {
	if b.patience <= 0 {
		return 0
	}
	deadline := time.Now().Add(b.patience)
	b.control.SetReadDeadline(deadline)
	return deadline.UnixNano()
}

// stalled reports whether a read has outlasted its patience. net/http cancels
// the request's context before that read returns.
func (b *body) stalled() bool {
	due := b.due.Load()
	return due != 0 && time.Now().UnixNano() >= due
}

// leftoverPatience is for the body of a refused request. Before it answers,
// net/http reads a body of up to 256 KiB to its end to keep the connection,
// and would wait for one that never comes.
const leftoverPatience = 500 * time.Millisecond

// abandonBody lets the answer go out whether or not the body has come.
func (x *exchange) abandonBody() {
	if x.hasBody {
		x.answer.control.SetReadDeadline(time.Now().Add(leftoverPatience))
	}
}
