package cli

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// inFlight counts the requests that its handler has not come to an end with,
// tunnels among them, which no http.Server knows. It may be used concurrently.
type inFlight struct {
	handler http.Handler
	running atomic.Int64
}

// ServeHTTP implements http.Handler.
func (f *inFlight) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.running.Add(1)
	defer f.running.Add(-1)
	f.handler.ServeHTTP(w, r)
}

// count is how many requests run now.
func (f *inFlight) count() int64 { return f.running.Load() }

// wait returns when no request runs, or when ctx ends.
func (f *inFlight) wait(ctx context.Context) {
	const interval = time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for f.running.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
