package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"originwarden/bench/load"
	"originwarden/bench/peers"
	"originwarden/bench/process"
	"originwarden/bench/report"
)

const (
	warmUp      = time.Second
	streamCount = 256
	maxIdle     = 10_000
)

// target returns what is sent to the proxy.
func (w workload) target(x *peers.Instance) load.Target {
	t := load.Target{
		Address: x.Address, TLS: w.site.TLS, HTTP2: w.http2, HostFormat: w.site.HostFormat(), HostCount: w.site.TenantCount(), Request: w.request,
	}
	if w.api {
		t.Request.Header = append([]string{"Authorization: Bearer " + x.Token}, w.request.Header...)
	}
	return t
}

// measureLoad returns the time and memory of the proxy for a load.
func measureLoad(x *peers.Instance, run func() (load.Result, error)) (report.Figures, error) {
	x.EmptyLog()
	before, err := x.CPUTime()
	if err != nil {
		return nil, err
	}
	result, err := run()
	if err != nil {
		return nil, err
	}
	after, err := x.CPUTime()
	if err != nil {
		return nil, err
	}
	memory, err := x.Memory()
	if result.Requests == 0 {
		return nil, errors.New("no request was served")
	}
	return report.Figures{
		report.CPU:     float64((after - before).Microseconds()) / float64(result.Requests),
		report.Rate:    float64(result.Requests) / result.Took.Seconds(),
		report.P50:     float64(result.P50.Microseconds()),
		report.P99:     float64(result.P99.Microseconds()),
		report.Longest: float64(result.Longest.Microseconds()),
		report.Slow:    float64(result.Slow),
		report.RSS:     memory / 1e6,
	}, err
}

// saturate measures a proxy that gets as many requests as it can serve.
func saturate(ctx context.Context, b *bench, x *peers.Instance, w workload) (report.Figures, error) {
	return b.saturateFor(ctx, x, w, b.options.duration())
}

// measureStalls measures the longest latency in twice the time.
func measureStalls(ctx context.Context, b *bench, x *peers.Instance, w workload) (report.Figures, error) {
	return b.saturateFor(ctx, x, w, 2*b.options.duration())
}

func (b *bench) saturateFor(ctx context.Context, x *peers.Instance, w workload, duration time.Duration) (report.Figures, error) {
	if _, err := b.driver.Saturate(ctx, w.target(x), b.warmUp()); err != nil {
		return nil, err
	}
	return measureLoad(x, func() (load.Result, error) { return b.driver.Saturate(ctx, w.target(x), duration) })
}

// warmUp returns the time before a measurement.
func (b *bench) warmUp() time.Duration { return min(warmUp, b.options.duration()) }

// measureHalfRate measures a proxy at half of its own highest rate.
func measureHalfRate(ctx context.Context, b *bench, x *peers.Instance, w workload) (report.Figures, error) {
	highest, err := b.driver.Saturate(ctx, w.target(x), b.warmUp())
	if err != nil {
		return nil, err
	}
	rate := float64(highest.Requests) / highest.Took.Seconds() / 2
	return measureLoad(x, func() (load.Result, error) {
		duration := b.options.duration()
		result, err := load.SendAtRate(ctx, w.target(x), rate, duration)
		if err == nil && result.Took > duration+duration/10+time.Second/10 {
			err = fmt.Errorf("the rate could not be kept: requests of %s took %s", duration, result.Took)
		}
		return result, err
	})
}

// measureEvents measures a proxy that forwards event streams. The time that it uses is
// that of an event, and the latency is from the tenant to the client.
func measureEvents(ctx context.Context, b *bench, x *peers.Instance, w workload) (report.Figures, error) {
	streams, err := load.OpenStreams(w.target(x), streamCount)
	defer func() { streams.Close() }()
	if err != nil {
		return nil, err
	}
	// Events that came while other streams were opened do not count.
	if _, err := streams.Read(ctx, b.warmUp()); err != nil {
		return nil, err
	}
	return measureLoad(x, func() (load.Result, error) { return streams.Read(ctx, b.options.duration()) })
}

// measureIdle measures the memory of a proxy that has served nothing.
func measureIdle(ctx context.Context, _ *bench, x *peers.Instance, _ workload) (report.Figures, error) {
	memory, err := x.SettledMemory(ctx)
	return report.Figures{report.RSS: memory / 1e6}, err
}

// measureIdleConnections measures the memory that a proxy needs for each connection that
// has served one request and is idle, or is a WebSocket.
func measureIdleConnections(ctx context.Context, b *bench, x *peers.Instance, w workload) (report.Figures, error) {
	before, err := x.SettledMemory(ctx)
	if err != nil {
		return nil, err
	}
	connections, err := load.OpenIdle(ctx, w.target(x), idleCount(w.request))
	defer func() { connections.Close() }()
	if err != nil {
		return nil, err
	}
	after, err := x.SettledMemory(ctx)
	return report.Figures{report.Each: (after - before) / float64(len(connections)), report.RSS: after / 1e6}, err
}

// idleCount returns how many connections the limit of open files permits. A proxy needs
// two for a WebSocket, and nginx refuses connections before it has used all of its own.
func idleCount(r load.Request) int {
	if r.Status == http.StatusSwitchingProtocols {
		return min(maxIdle, process.MaxFiles()/4)
	}
	return min(maxIdle, process.MaxFiles()-1000)
}

// describeIdle names how many connections are idle.
func describeIdle(what string, r load.Request) string {
	return fmt.Sprintf("%d idle %s", idleCount(r), what)
}
