// Package server runs the gateway of a configuration: its store and lists, its
// two listeners, reload and stop. It takes no signals; of the environment it
// reads only what systemd sets.
package server

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/api/refusals"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/frontend"
	"originwarden/cmd/originwarden/server/readiness"
	"originwarden/cmd/originwarden/server/upstreams"
	"originwarden/cmd/originwarden/server/workers"
	"originwarden/cmd/originwarden/stores"
	"originwarden/cmd/originwarden/tracing"
	"originwarden/console"
	"originwarden/console/traffic"
	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/metrics"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
	"originwarden/proxy/downstream"
	"originwarden/store"
)

// Options are what a Server needs besides its configuration. Log and Listen are
// required.
type Options struct {
	Log *logs.Logger
	// Version and Commit identify this build.
	Version, Commit string
	// Listen opens the listener that a configuration key names: "listen",
	// "admin.listen" or "decide.listen".
	Listen func(key, address string) (net.Listener, error)
	// Ready is called with the addresses when requests are served; decide is nil if
	// decide.listen is not set. It may be nil.
	Ready func(tenants, admin, decide net.Addr)
	// Load reads the configuration again; nil if there is none.
	Load func() (*config.Config, error)
	// Reload receives a value whenever the configuration is to be read again.
	Reload <-chan os.Signal
	// WaitForStore says whether to wait for another process that uses the store.
	WaitForStore bool
	// StartList is written before requests are served. It may be empty.
	StartList StartList
}

// Server is the gateway. It is used for one call of Run.
type Server struct {
	options Options
	log     *logs.Logger
	started *config.Config // as it was at the start
	current atomic.Pointer[settings]

	store      *store.Monitored
	lists      *lists.Cache
	disk       *disk.Disk // nil: lists are not kept on disk
	refusals   *refusals.Inventory
	traffic    *traffic.Counts
	adminToken []auth.Token // from its file; nil until it is needed
	readiness  readiness.State
	upstreams  upstreams.Tracker

	address        net.Addr // of the tenants' listener
	gateway        *proxy.Gateway
	handlers       *workers.Handler // of the gateway
	api            *api.API
	console        *console.Console
	metrics        *metrics.Metrics
	access         *logs.AccessLog
	tracer         *tracing.Tracer // nil: spans are not exported
	tenantListener *downstream.Listener
	tenants        *frontend.Frontend
	serverNotAfter func() time.Time // of its certificates; nil: it has none
	admin          *frontend.Frontend
	decide         *frontend.Frontend           // nil: there is none
	decisions      *decide.Handler              // of decide
	decideServer   atomic.Pointer[demux.Server] // of decide, for new connections
	decideNotAfter func() time.Time             // as serverNotAfter, of decide
	// background runs until the frontends are closed.
	background sync.WaitGroup
	reloads    chan chan<- reloadResult
	stopping   atomic.Bool
}

// New returns a Server that has not been started.
func New(cfg *config.Config, options Options) *Server {
	s := &Server{options: options, log: options.Log, started: cfg, traffic: traffic.New(), reloads: make(chan chan<- reloadResult)}
	s.current.Store(&settings{cfg: cfg, tenants: cfg.TenantIDs()})
	return s
}

// Run serves until stop ends, or until a listener fails. Requests in progress get
// timeouts.drain to end; stopNow aborts them at once. Run returns nil if stop ends
// while the server is starting.
func (s *Server) Run(stop, stopNow context.Context) error {
	err := s.open(stop)
	switch {
	case err == nil:
		err = s.serve(stop, stopNow)
	case stop.Err() != nil:
		err = nil
	}
	return errors.Join(err, s.close())
}

// open opens the store, loads the lists, and writes the start list.
func (s *Server) open(ctx context.Context) error {
	saved, err := s.readSnapshot(ctx)
	if err != nil {
		return err
	}
	s.readiness.Earlier = stores.FindEarlier(s.started.Store.URL)
	opened, err := stores.Open(ctx, s.started, saved.At, s.waitForStore)
	if err != nil {
		return err
	}
	s.store = &store.Monitored{Store: opened, Timeout: time.Duration(s.started.Store.Timeout), Report: s.logWrites, ReportLost: s.logLostRecords}
	s.refusals = refusals.New(opened, s.store.Timeout, s.logRefusals)
	s.lists = s.newLists()
	s.readiness.Lists, s.readiness.Writes, s.readiness.Upstreams = s.lists.State, s.store.WriteStatus, s.upstreams.Statuses
	s.upstreams.SetTenants(s.started)
	if _, err := s.tokens(s.started); err != nil {
		return err
	}
	s.restore(saved)
	if err := s.loadLists(ctx); err != nil {
		return err
	}
	return s.writeStartList(ctx)
}

func (s *Server) close() (err error) {
	if s.store != nil {
		err = s.store.Close()
	}
	if s.disk != nil {
		err = errors.Join(err, s.disk.Close())
	}
	return err
}
