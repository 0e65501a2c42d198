package downstream

import (
	"net/http"
	"sync"
	"time"
)

// WriteLimit limits how long a write to a client may take, for clients that do not read.
// A deadline that outlasts the write would end an HTTP/2 stream that is quiet for a while.
type WriteLimit struct {
	control *http.ResponseController
	conn    *Conn // nil: unknown
	http1   bool
	limit   time.Duration // 0 is none
	began   time.Time
	stalled bool

	// Over HTTP/2, a deadline of net/http is set by the goroutine of the connection, which
	// costs more than a timer. It must not be set after the handler has returned.
	mu    sync.Mutex
	armed bool
	timer *time.Timer // nil until it is used
}

// NewWriteLimit returns a limit for the writes that control controls, to the client of
// conn, which may be nil; 0 is no limit.
func NewWriteLimit(control *http.ResponseController, conn *Conn, http1 bool, limit time.Duration) *WriteLimit {
	return &WriteLimit{control: control, conn: conn, http1: http1, limit: limit}
}

// Begin starts the time for a write.
func (l *WriteLimit) Begin() {
	if l.limit == 0 {
		return
	}
	if l.began = time.Now(); l.http1 {
		l.control.SetWriteDeadline(l.began.Add(l.limit))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.armed = true; l.timer == nil {
		l.timer = time.AfterFunc(l.limit, l.expire)
		return
	}
	l.timer.Reset(l.limit)
}

// End ends the time for a write, unless its error err has ended all writes.
func (l *WriteLimit) End(err error) {
	if l.limit == 0 {
		return
	}
	if err != nil {
		l.stalled = time.Since(l.began) >= l.limit
	}
	switch {
	case !l.http1:
		l.disarm()
	case err == nil:
		l.control.SetWriteDeadline(time.Time{})
	}
}

func (l *WriteLimit) disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.armed = false; l.timer != nil {
		l.timer.Stop()
	}
}

// expire resets the stream of a write that takes too long.
func (l *WriteLimit) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.armed {
		l.armed = false
		l.control.SetWriteDeadline(time.Unix(1, 0))
	}
}

// IsStalled reports whether the last write has failed because it took too long.
func (l *WriteLimit) IsStalled() bool { return l.stalled }

// SetDeadline sets the deadline of all writes; the zero time is none. Over HTTP/2 it resets
// the stream when it has passed, but the frame for that waits behind what the client does
// not read: if the deadline has passed already, such a connection is closed.
func (l *WriteLimit) SetDeadline(deadline time.Time) error {
	err := l.control.SetWriteDeadline(deadline)
	if !l.http1 && !deadline.IsZero() && !deadline.After(time.Now()) {
		l.conn.CutStalled()
	}
	return err
}
