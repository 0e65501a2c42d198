package downstream

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
	ErrTooLarge = errors.New("the request's body is larger than permitted")
	ErrStalled  = errors.New("the request's body made no progress")
	ErrBroken   = errors.New("the request's body broke off")
)

// Body is the body of a request, limited in size and by progress. Its methods, other
// than Read, Close and Interrupt, are for any goroutine, and do nothing for a nil
// Body.
type Body struct {
	io.ReadCloser
	control  *http.ResponseController
	left     int64         // bytes that may still come; negative is no limit
	progress time.Duration // for each read; 0 is no limit
	received atomic.Int64
	due      atomic.Int64 // when the read that waits has to have ended, in Unix nanoseconds; 0 is none
	whole    atomic.Bool
	stalled  atomic.Bool // a read has outlasted its time

	reading sync.Mutex // held while a read is under way
	timing  sync.Mutex // held while a deadline is set
	ended   bool       // under timing: no further read may begin
}

// NewBody returns body with at most limit bytes, each read of which may take
// progress at most; 0 is no limit. Deadlines are set by control.
func NewBody(body io.ReadCloser, control *http.ResponseController, limit int64, progress time.Duration) *Body {
	if limit == 0 {
		limit = -1
	}
	return &Body{ReadCloser: body, control: control, left: limit, progress: progress}
}

// Read fails with one of the errors above, or io.EOF. A deadline does not
// outlast the read: net/http watches the connection afterwards, and a deadline resets
// an HTTP/2 stream while the tenant takes its time.
func (b *Body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.whole.Load() {
		// The transport reads once more, and net/http may have closed the body by
		// then, with the response's header, which would be cut for that.
		return 0, io.EOF
	}
	if !b.limitRead() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.received.Add(int64(n))
	if err == nil || err == io.EOF {
		b.unlimitRead()
	}
	if b.left >= 0 {
		if b.left -= int64(n); b.left < 0 {
			return 0, ErrTooLarge
		}
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.whole.Store(true)
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.noteStall()
		return n, ErrStalled
	}
	return n, fmt.Errorf("%w: %w", ErrBroken, err)
}

// noteStall notes that a read has outlasted its time, unless Interrupt has ended it.
func (b *Body) noteStall() {
	b.timing.Lock()
	defer b.timing.Unlock()
	b.stalled.Store(!b.ended)
}

// limitRead sets the deadline of a read, and reports whether it may begin.
func (b *Body) limitRead() bool {
	b.timing.Lock()
	defer b.timing.Unlock()
	b.setDeadline()
	return !b.ended
}

// setDeadline is called with timing held.
func (b *Body) setDeadline() {
	if b.progress > 0 && !b.ended {
		deadline := time.Now().Add(b.progress)
		b.due.Store(deadline.UnixNano())
		b.control.SetReadDeadline(deadline)
	}
}

func (b *Body) unlimitRead() {
	b.timing.Lock()
	defer b.timing.Unlock()
	if b.progress > 0 && !b.ended {
		b.due.Store(0)
		b.control.SetReadDeadline(time.Time{})
	}
}

// Extend gives the read that waits its full time again, because the response has
// made progress: a body that is quiet meanwhile has not stalled.
func (b *Body) Extend() {
	if b == nil || b.due.Load() == 0 {
		return
	}
	b.timing.Lock()
	defer b.timing.Unlock()
	if b.due.Load() != 0 {
		b.setDeadline()
	}
}

// Interrupt ends the read that is under way, lets no other begin, and returns when
// that read has ended.
func (b *Body) Interrupt() {
	b.timing.Lock()
	b.ended = true
	b.control.SetReadDeadline(time.Unix(1, 0))
	b.timing.Unlock()
	b.reading.Lock()
	defer b.reading.Unlock()
}

// IsStalled reports whether a read has outlasted its time. net/http cancels the
// request's context before that read returns, and Extend may come too late for it.
func (b *Body) IsStalled() bool {
	if b == nil {
		return false
	}
	due := b.due.Load()
	return b.stalled.Load() || due != 0 && time.Now().UnixNano() >= due
}

// IsWhole reports whether the body was read to its end.
func (b *Body) IsWhole() bool { return b != nil && b.whole.Load() }

// Received returns how many bytes were read.
func (b *Body) Received() int64 {
	if b == nil {
		return 0
	}
	return b.received.Load()
}
