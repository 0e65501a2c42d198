package server

import (
	"context"
	"time"

	"go.uber.org/zap"

	"originwarden/api"
	"originwarden/api/refusals"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/envelope"
	"originwarden/metrics"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/store"
)

// observe records an exchange.
func (s *Server) observe(x *proxy.Exchange) {
	tracing.Observe(x)
	s.metrics.Observe(x)
	s.recordRefusal(x)
	s.countTraffic(x)
	s.upstreams.Observe(x)
	s.access.Observe(x)
}

func (s *Server) recordRefusal(x *proxy.Exchange) {
	if x.Verdict != origins.Refused || x.Decision == "" {
		return
	}
	s.refusals.Record(x.Tenant, refusals.Request{
		Origin: x.Origin, Reason: x.Decision, Method: x.Method, Path: x.Path, Agent: x.Agent, OwnHost: x.OwnHost, Time: x.Start,
	})
}

func (s *Server) countTraffic(x *proxy.Exchange) {
	if x.Tenant != "" && x.Decision != "" {
		s.traffic.Add(x.Tenant, x.Verdict == origins.Allowed, x.Start)
	}
}

// newMetrics returns the metrics of everything that is open.
func (s *Server) newMetrics() *metrics.Metrics {
	m := metrics.New(metrics.Config{Tenants: labelled(s.started), Lists: s.lists, Version: s.options.Version, Revision: s.options.Commit})
	m.WatchRequests(func() map[string]int { return s.gateway.Tunnels().Counts() }, func() int64 { return s.gateway.Running() })
	m.WatchFeed(s.feed)
	m.WatchSnapshot(func() error { return s.lists.State().NotKept })
	m.WatchWrites(writeCauses(), s.writes)
	m.WatchInventory(func() metrics.Inventory { return metrics.Inventory(s.refusals.Status()) })
	m.WatchLog(s.log.Dropped)
	m.WatchUpstreams(s.upstreams.Up)
	m.WatchCertificate("upstream", func() time.Time { return s.current.Load().upstreamTLS.NotAfter() })
	m.WatchCertificate("etcd", s.storeNotAfter)
	return m
}

// feed returns how current the lists are.
func (s *Server) feed() metrics.Feed {
	state := s.lists.State()
	return metrics.Feed{
		InForce: state.InForce.Revision, Newest: state.Newest, Confirmed: state.Confirmed,
		Up: state.Up, Reset: state.Reset != nil, Resumes: state.Resumes, Ready: s.readiness.Problem() == "",
	}
}

// writes returns whether writes to the store succeed.
func (s *Server) writes() metrics.Writes {
	state := s.store.WriteStatus()
	shown := metrics.Writes{Failures: map[string]uint64{}, RecordsWaiting: state.Records.Waiting, RecordsLost: state.Records.Lost}
	for cause, n := range state.Failures {
		shown.Failures[string(cause)] = n
	}
	if state.Problem != nil {
		shown.Problem = string(state.Problem.Cause)
	}
	return shown
}

func writeCauses() []string {
	var all []string
	for _, cause := range store.Causes() {
		all = append(all, string(cause))
	}
	return all
}

func (s *Server) logWrites(err *store.WriteError) {
	if err == nil {
		s.log.Info("writes to the store succeed again")
		return
	}
	s.log.Error("writes to the store fail", zap.String("cause", string(err.Cause)), zap.String("error", logs.Escape(err.Error(), logs.MaxError)))
}

func (s *Server) logLostRecords(n uint64) {
	s.log.Error("changes are missing in the history, since the store had no space for them", zap.Uint64("changes", n))
}

func (s *Server) logRefusals(err error) {
	if err == nil {
		s.log.Info("refused origins are written to the store again")
		return
	}
	s.log.Warn("refused origins cannot be written to the store; they are kept in memory", zap.String("error", logs.Escape(err.Error(), logs.MaxError)))
}

// logRefusedToken logs why an access token was refused, which its sender does not
// learn. The text may come from the token.
func (s *Server) logRefusedToken(o api.Outcome) {
	if o.Refused == nil {
		return
	}
	if entry := s.log.Check(zap.DebugLevel, "an access token was refused"); entry != nil {
		entry.Write(zap.String("why", logs.Escape(o.Refused.Error(), logs.MaxError)))
	}
}

// maxAPIFailures is how many failures of the API in a second get a line each.
const maxAPIFailures = 20

func (s *Server) logAPIFailure(ctx context.Context, err error) {
	const sampled = "failures of the API"
	if !s.log.Sampler(sampled, maxAPIFailures).Passes(sampled) {
		return
	}
	s.log.Error("an API request failed", zap.String("trace_id", envelope.TraceID(ctx)), zap.String("error", logs.Escape(err.Error(), logs.MaxError)))
}
