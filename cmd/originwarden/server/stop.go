package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

var errCutShort = errors.New("stopped at once by a second signal")

// drain reports that the gateway is not ready, keeps accepting for
// timeouts.shutdown_delay, so that load balancers notice, stops accepting, closes
// the tunnels, and waits for the requests in progress. Those that do not end in time
// are aborted. The admin address is served until the end.
func (s *Server) drain(stopNow context.Context, abort context.CancelFunc) error {
	s.stopping.Store(true)
	notify(daemon.SdNotifyStopping)
	s.readiness.SetStopping()
	s.log.Info("stopping")
	timeouts := s.current.Load().cfg.Timeouts
	limit := time.Duration(timeouts.Drain)
	// Aborted requests need a moment to end and to be logged.
	grace := min(time.Second, limit/10)
	deadline := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(stopNow, deadline)
	defer cancel()
	s.awaitShutdownDelay(ctx, time.Duration(timeouts.ShutdownDelay))
	var others sync.WaitGroup
	others.Go(func() { s.gateway.Tunnels().Close(ctx) }) // those opened meanwhile too
	if s.decide != nil {
		others.Go(func() { s.decide.Shutdown(ctx, deadline.Add(-grace)) })
	}
	if !s.tenants.Shutdown(ctx, deadline.Add(-grace)) {
		s.log.Warn("requests were cut off", zap.Duration("drain", limit))
		abort()
		s.tenants.Shutdown(ctx, deadline)
	}
	others.Wait()
	s.gateway.Wait(ctx)
	s.tracer.Close(ctx)
	s.admin.Shutdown(ctx, deadline)
	var err error
	for _, f := range s.frontends() {
		err = errors.Join(err, f.Close())
	}
	s.handlers.Close()
	if stopNow.Err() != nil {
		return errCutShort
	}
	return err
}

// awaitShutdownDelay keeps accepting connections for delay, and has each closed
// after its response, so that clients connect to another gateway.
func (s *Server) awaitShutdownDelay(ctx context.Context, delay time.Duration) {
	if delay == 0 {
		return
	}
	s.gateway.CloseConnections()
	if s.decide != nil {
		s.decisions.CloseConnections()
		s.decideServer.Load().CloseConnections()
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}
