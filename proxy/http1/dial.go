package http1

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	refusedFor   = time.Second // how long to retry a server that refuses connections
	refusedPause = 10 * time.Millisecond
)

// refusal is since when a server refuses connections, so that only the first
// second of an outage makes requests wait.
type refusal struct{ since atomic.Int64 } // in Unix nanoseconds; 0 if it does not

// mayRetry notes that a connection was refused now, and reports whether to try
// again.
func (r *refusal) mayRetry() bool {
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

// dial opens a connection. It retries a server that refuses it, as a server that
// starts does for a moment: nothing was sent to it yet.
func (u *Upstream) dial(ctx context.Context) (*conn, error) {
	for pause := refusedPause; ; pause *= 2 {
		raw, err := u.config.Dial(ctx)
		if err == nil {
			u.refusal.end()
			return u.newConn(raw), nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || !u.refusal.mayRetry() || !sleep(ctx, min(pause, refusedFor/10)) {
			return nil, err
		}
	}
}

// sleep reports whether it slept for d, and did not end early with ctx.
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
