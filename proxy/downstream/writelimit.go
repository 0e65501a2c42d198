package downstream

import (
	"net/http"
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
}

// NewWriteLimit returns a limit for the writes that control controls, to the client of
// conn, which may be nil; 0 is no limit.
func NewWriteLimit(control *http.ResponseController, conn *Conn, http1 bool, limit time.Duration) *WriteLimit {
	return &WriteLimit{control: control, conn: conn, http1: http1, limit: limit}
}

// Begin starts the time for a write.
func (l *WriteLimit) Begin() {
	if l.limit > 0 {
		l.began = time.Now()
		l.control.SetWriteDeadline(l.began.Add(l.limit))
	}
}

// End ends the time for a write, unless its error err has ended all writes.
func (l *WriteLimit) End(err error) {
	switch {
	case l.limit == 0:
	case err != nil:
		l.stalled = time.Since(l.began) >= l.limit
	default:
		l.control.SetWriteDeadline(time.Time{})
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
