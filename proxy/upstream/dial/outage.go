package dial

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	retryRefusedFor = time.Second // how long to retry a server that refuses connections
	refusedPause    = 10 * time.Millisecond
)

// isRefused reports whether err says that nothing accepts connections. A Unix socket
// that is missing belongs to a server that has stopped, or has not started yet.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}

// outage records since when a server refuses connections. Only requests in its first
// second wait.
type outage struct{ since atomic.Int64 } // in Unix nanoseconds; 0 if it does not

// mayRetry notes that a connection was refused now, and reports whether to try
// again.
func (o *outage) mayRetry() bool {
	now := time.Now().UnixNano()
	if o.since.CompareAndSwap(0, now) {
		return true
	}
	return now-o.since.Load() < int64(retryRefusedFor)
}

func (o *outage) end() {
	if o.since.Load() != 0 {
		o.since.Store(0)
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
