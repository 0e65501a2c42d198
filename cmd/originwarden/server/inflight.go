package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// inFlight counts the requests that its handler serves now, with the tunnels,
// which an http.Server does not count. It may be used concurrently.
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

func (f *inFlight) count() int64 { return f.running.Load() }

// wait returns when no request is served, or when ctx ends.
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
