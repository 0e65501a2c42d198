package main

import (
	"context"
	"fmt"

	"originwarden/bench/load"
	"originwarden/bench/peers"
	"originwarden/bench/report"
)

// workload is a kind of requests, and how a proxy is measured with them.
type workload struct {
	name        string
	description string
	site        peers.Site
	request     load.Request
	api         bool // of the gateway's API
	http2       bool
	fresh       bool // each measurement starts a proxy of its own
	goals       goals
	measure     func(context.Context, *bench, *peers.Instance, workload) (report.Figures, error)
}

// goals are what the medians of both lanes must not exceed.
type goals struct{ fastLane, reference []report.Goal }

func (g goals) of(proxy string) []report.Goal {
	switch proxy {
	case peers.FastLane:
		return g.fastLane
	case peers.Reference:
		return g.reference
	}
	return nil
}

// cpuGoals are bounds of the ratio of the processor time. 0: none.
func cpuGoals(fastLane, reference float64) goals {
	bound := func(maximum float64) []report.Goal {
		if maximum == 0 {
			return nil
		}
		return []report.Goal{{Figure: report.CPU, Max: maximum, Ratio: true}}
	}
	return goals{bound(fastLane), bound(reference)}
}

func fastLaneGoal(g report.Goal) goals { return goals{fastLane: []report.Goal{g}} }

func workloads() []workload {
	small, largeGet := get("/", peers.SmallBody), get("/large", peers.LargeBody)
	secure, million := peers.Site{TLS: true}, peers.Site{Origins: 1_000_000}
	tenant, tenants := peers.Site{Origins: 1}, peers.Site{Origins: 1, Tenants: 100_000}
	return []workload{
		{name: "get", description: "forwarded GET, 1 KB", request: small, measure: saturate, goals: cpuGoals(1.35, 2.3)},
		{name: "preflight", description: "preflight", request: preflight(3), measure: saturate, goals: cpuGoals(1.5, 2.2)},
		{name: "refused", description: "refused GET", request: refused(), measure: saturate, goals: cpuGoals(1.5, 2.2)},
		{name: "large", description: "forwarded GET, 100 KB", request: largeGet, measure: saturate},
		{name: "post", description: "forwarded POST, 4 KB", request: post(), measure: saturate, goals: cpuGoals(1.6, 0)},
		{name: "half", description: "forwarded GET, 1 KB, at half of the proxy's highest rate", request: small, measure: measureHalfRate,
			goals: fastLaneGoal(report.Goal{Figure: report.P99, Max: 1.5, Ratio: true})},
		{name: "stalls", description: "preflights for twice the time", request: preflight(3), measure: measureStalls,
			goals: fastLaneGoal(report.Goal{Figure: report.Slow, Max: 0})},
		{name: "events", description: fmt.Sprintf("%d event streams, 20 events a second each", streamCount), request: events(), measure: measureEvents},
		{name: "list-10", description: "preflight, a list of 10 origins", request: preflight(3), measure: saturate},

		{name: "tls-get", description: "forwarded GET, 1 KB, HTTP/1.1 on TLS", site: secure, request: small, measure: saturate, goals: cpuGoals(1.5, 0)},
		{name: "tls-refused", description: "refused GET, HTTP/1.1 on TLS", site: secure, request: refused(), measure: saturate, goals: cpuGoals(1.5, 0)},
		{name: "h2-get", description: "forwarded GET, 1 KB, HTTP/2 on TLS", site: secure, request: small, http2: true, measure: saturate, goals: cpuGoals(2.8, 2.8)},
		{name: "h2-refused", description: "refused GET, HTTP/2 on TLS", site: secure, request: refused(), http2: true, measure: saturate, goals: cpuGoals(3.5, 3.5)},

		{name: "api-list", description: "API: a list of 50 web integrations", site: peers.Site{Integrations: 50}, request: apiList(), api: true, measure: saturate},
		{name: "list-1000000", description: "preflight, a list of 1,000,000 origins", site: million, request: preflight(3), measure: saturate},
		{name: "tenants-1", description: "preflight, 1 tenant", site: tenant, request: preflight(0), measure: saturate},
		{name: "tenants-100000", description: "preflight, 100,000 tenants in turns", site: tenants, request: preflight(0), measure: saturate},

		{name: "idle", description: "memory of an idle proxy", fresh: true, measure: measureIdle,
			goals: fastLaneGoal(report.Goal{Figure: report.RSS, Max: 30})},
		{name: "idle-connections", description: describeIdle("connections, after a preflight each", preflight(3)), fresh: true, request: preflight(3),
			measure: measureIdleConnections, goals: fastLaneGoal(report.Goal{Figure: report.Each, Max: 8000})},
		{name: "idle-websockets", description: describeIdle("WebSockets", webSocket()), fresh: true, request: webSocket(),
			measure: measureIdleConnections, goals: fastLaneGoal(report.Goal{Figure: report.Each, Max: 20_000})},
	}
}

func workloadNames() []string {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return names
}
