package cli

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"originwarden/api"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/metrics"
)

// handlers are what answers at a service's two addresses, and who observes it.
type handlers struct {
	plan    plan // that of the first generation; the others differ in cfg
	current atomic.Pointer[generation]
	leaving atomic.Bool // connections are to end with their next answer
	running *inFlight   // in front of the current generation
	admin   *admin
	metrics *metrics.Metrics
}

// handlers returns what answers for the tenants at an address, and for the
// operators.
func (s *service) handlers(at net.Addr) (*handlers, error) {
	built := thisBuild()
	observed := metrics.New(metrics.Config{Tenants: labelled(s.cfg), Lists: s.lists, Version: built.version, Revision: built.commit})
	tracer, err := tracing.New(context.Background(), s.cfg.Tracing, built.version, s.log, observed.Spans)
	if err != nil {
		return nil, err
	}
	h := &handlers{metrics: observed}
	h.plan = plan{service: s, cfg: s.cfg, at: at, observed: observed, access: logs.NewAccessLog(s.log, s.cfg.Log.Access), tracing: tracer}
	first, err := h.plan.first()
	if err != nil {
		tracer.Close(context.Background())
		return nil, err
	}
	h.current.Store(first)
	h.running = &inFlight{handler: http.HandlerFunc(h.toTenant)}
	observed.Watch(first.gateway.Tunnels, h.running.count)
	observed.WatchFeed(s.feed)
	observed.WatchSnapshot(func() error { return s.lists.State().NotKept })
	observed.WatchWrites(writeCauses(), s.writes)
	observed.WatchLog(s.log.Dropped)
	observed.WatchUpstreams(s.upstreams.up)
	h.admin = &admin{
		metrics:  observed.Handler(),
		ready:    s.ready,
		contract: contract(api.OpenAPI()),
		resync:   h.forOperators(s.resync),
		level:    http.HandlerFunc(s.log.Level.Serve),
		setLevel: h.forOperators(s.log.Level.Change),
	}
	return h, nil
}

func (h *handlers) toTenant(w http.ResponseWriter, r *http.Request) {
	if h.leaving.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	h.current.Load().handler.ServeHTTP(w, r)
}
