package http1

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	refusedFor   = time.Second // how long a server that refuses connections is tried
	refusedPause = 10 * time.Millisecond
)

// refusal remembers since when a server refuses connections, so that only the
// first second of an outage makes requests wait.
type refusal struct{ since atomic.Int64 } // in Unix nanoseconds; 0 is not

// goesOn takes in that a connection was refused now, and reports whether it is
// worth while to try again.
func (r *refusal) goesOn() bool {
	now := time.Now().UnixNano()
	if r.since.CompareAndSwap(0, now) {
		return true
	}
	return now-r.since.Load() < int64(refusedFor)
}

func (r *refusal) end() {
	if r.since.Load() != 0 {
		r.since.Store(0)
	}
}

// dial opens a connection. A server that starts refuses connections for a
// moment, and nothing was sent to it.
func (u *Upstream) dial(ctx context.Context) (*conn, error) {
	for pause := refusedPause; ; pause *= 2 {
		raw, err := u.config.Dial(ctx)
		if err == nil {
			u.refusal.end()
			return u.newConn(raw), nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || !u.refusal.goesOn() || !sleep(ctx, min(pause, refusedFor/10)) {
			return nil, err
		}
	}
}

// sleep reports whether it has slept for d.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
