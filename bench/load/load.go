// Package load drives a proxy and checks its responses: as fast as it responds, at a
// steady rate, with event streams, or with connections that are idle. It uses wrk and
// h2load where it can, because they need less of the core that the load has.
package load

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Connections is how many connections send requests at a time.
const Connections = 64

// SlowResponse is the latency from which on a response counts as slow.
const SlowResponse = 20 * time.Millisecond

// Target is a proxy, and what is sent to it.
type Target struct {
	Address string // host:port
	TLS     bool
	HTTP2   bool
	// HostFormat is the host that requests name. If there are several hosts, it has %d for
	// the number of the host.
	HostFormat string
	HostCount  int
	Request    Request
}

func (t Target) host(i int) string {
	if t.HostCount <= 1 {
		return t.HostFormat
	}
	return fmt.Sprintf(t.HostFormat, i%t.HostCount)
}

func (t Target) url() string {
	scheme := "http"
	if t.TLS {
		scheme = "https"
	}
	return scheme + "://" + t.Address + t.Request.Path
}

// Result is what a run of requests yielded.
type Result struct {
	Requests int // that were served
	Took     time.Duration
	P50, P99 time.Duration
	Longest  time.Duration
	Slow     int // responses that took SlowResponse or more
}

// newResult returns the result of requests with the latencies, which it sorts.
func newResult(latencies []time.Duration, took time.Duration) Result {
	slices.Sort(latencies)
	n := len(latencies)
	if n == 0 {
		return Result{Took: took}
	}
	slow, _ := slices.BinarySearch(latencies, SlowResponse)
	return Result{
		Requests: n, Took: took, P50: latencies[n/2], P99: latencies[min(n-1, n*99/100)], Longest: latencies[n-1], Slow: n - slow,
	}
}

// Driver runs the programs of the load.
type Driver struct {
	Core string // that they use
	Dir  string // for their files
}

// Saturate checks one response, and sends requests as fast as they are served.
func (d Driver) Saturate(ctx context.Context, t Target, duration time.Duration) (Result, error) {
	size, err := t.probe()
	switch {
	case err != nil:
		return Result{}, err
	case t.HTTP2:
		return d.runH2load(ctx, t, duration)
	case canUseWrk(duration):
		return d.runWrk(ctx, t, duration, size)
	}
	return sendAtMost(ctx, t, duration)
}
