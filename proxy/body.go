package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
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
	read     atomic.Int64  // bytes that came
	patience time.Duration // for each read; 0 is no limit
	due      atomic.Int64  // when the read that waits has to have ended, in Unix nanoseconds; 0 is none
	whole    atomic.Bool   // it was read to its end

	reading sync.Mutex // held while a read is under way
	timing  sync.Mutex // held while a deadline is set
	over    bool       // under timing: nobody may read any more
}

// limitBody holds the body of r to the gateway's limits, or says that it is
// too large already by its own account.
func (x *exchange) limitBody(r *http.Request) *problem {
	if !x.hasBody {
		return nil
	}
	left := int64(-1)
	if limit := x.settings.BodyBytes; limit > 0 {
		if left = limit; r.ContentLength > limit {
			return bodyTooLarge
		}
	}
	x.body = &body{ReadCloser: r.Body, control: x.answer.control, left: left, patience: x.settings.Timeouts.Progress}
	return nil
}

// withBody puts the limited body into a copy of r that is handed on. The
// server's own request keeps the body by whose type net/http knows what to do
// with the rest of it.
func (x *exchange) withBody(out *http.Request) *http.Request {
	if x.body != nil {
		out.Body = x.body
	}
	return out
}

// Read fails with one of the errors above, or io.EOF. A deadline does not
// outlast the read: net/http goes on to watch the connection, and a stream of
// HTTP/2 is reset by it while the tenant takes its time.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.whole.Load() {
		// The transport asks once more, and net/http may have closed the body by
		// then: with the header of the answer, which would be cut for that.
		return 0, io.EOF
	}
	if !b.expect() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	if err == nil || err == io.EOF {
		b.relax()
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
		b.whole.Store(true)
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, errBodyStalled
	}
	return n, fmt.Errorf("%w: %w", errBodyBroken, err)
}

// expect waits for the next bytes so long and no longer, if anybody may.
func (b *body) expect() bool {
	b.timing.Lock()
	defer b.timing.Unlock()
	if b.patience > 0 && !b.over {
		deadline := time.Now().Add(b.patience)
		b.due.Store(deadline.UnixNano())
		b.control.SetReadDeadline(deadline)
	}
	return !b.over
}

// extend takes in that the answer has made progress: a body that is quiet
// meanwhile is not stalled.
func (b *body) extend() {
	if b == nil || b.patience == 0 || b.due.Load() == 0 {
		return
	}
	b.timing.Lock()
	defer b.timing.Unlock()
	if !b.over && b.due.Load() != 0 {
		deadline := time.Now().Add(b.patience)
		b.due.Store(deadline.UnixNano())
		b.control.SetReadDeadline(deadline)
	}
}

// interrupt ends the read that is under way, and lets nobody begin another.
func (b *body) interrupt() {
	b.timing.Lock()
	b.over = true
	b.control.SetReadDeadline(time.Unix(1, 0))
	b.timing.Unlock()
	b.reading.Lock()
	defer b.reading.Unlock()
}

func (b *body) relax() {
	b.timing.Lock()
	defer b.timing.Unlock()
	if b.patience > 0 && !b.over {
		b.due.Store(0)
		b.control.SetReadDeadline(time.Time{})
	}
}

// stalled reports whether a read has outlasted its patience. net/http cancels
// the request's context before that read returns.
func (b *body) stalled() bool {
	due := b.due.Load()
	return due != 0 && time.Now().UnixNano() >= due
}

// leftoverPatience is for the body of a request that is answered without it. To
// keep the connection, net/http reads up to 256 KiB of what is left before it
// sends the answer, and would wait for a body that never comes.
const leftoverPatience = 500 * time.Millisecond

// abandonBody has nobody read what is left of a body when an exchange has ended:
// the transport may still do so, and nothing of net/http's may be used from then
// on. Over HTTP/1 it limits the wait for the rest, because net/http takes away the
// deadline of a read that it finds under way.
func (x *exchange) abandonBody() {
	if x.body == nil || x.body.whole.Load() || x.answer.status == http.StatusSwitchingProtocols {
		return
	}
	x.body.interrupt()
	if x.http1 {
		x.answer.control.SetReadDeadline(time.Now().Add(leftoverPatience))
	}
}

// leftoverBytes is what net/http reads of a body that nobody has read, to keep the
// connection.
const leftoverBytes = 256 << 10

// leaveConnection is called before the header of an answer. Over HTTP/1 it may
// come before the end of the request's body.
func (x *exchange) leaveConnection(header http.Header) {
	if !x.http1 {
		return
	}
	unread := x.hasBody && (x.body == nil || !x.body.whole.Load())
	if unread && x.body == nil {
		x.answer.control.SetReadDeadline(time.Now().Add(leftoverPatience))
	}
	// Whoever reads the body may still do so, and a deadline would end an answer
	// that goes on for long: the connection is given up instead. So it is with
	// HTTP/1.0, where net/http ignores Transfer-Encoding and would take the chunks
	// for the next request (RFC 9112, section 6.1).
	if x.http10 || unread && !x.isLeftover() {
		header["Connection"] = []string{"close"}
	}
	if x.conn != nil {
		x.conn.lingers.Store(unread && !x.isLeftover())
	}
}

// isLeftover reports whether the request has a body that nobody has read, and
// that is short enough to keep the connection.
func (x *exchange) isLeftover() bool {
	return x.hasBody && x.body == nil && !x.http10 && x.bodyLength >= 0 && x.bodyLength <= leftoverBytes
}
