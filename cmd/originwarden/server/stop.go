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

// drain reports that the gateway is not ready, accepts until that was noticed,
// stops accepting, closes the tunnels, and waits for the requests in progress.
// Those that do not end in time are cut. The admin address is served until the
// end.
func (s *Server) drain(now context.Context, cut context.CancelFunc) error {
	s.stopping.Store(true)
	notify(daemon.SdNotifyStopping)
	s.readiness.Stop()
	s.log.Info("stopping")
	timeouts := s.current.Load().cfg.Timeouts
	limit := time.Duration(timeouts.Drain)
	// Requests that are cut need a moment to end and to be logged.
	grace := min(time.Second, limit/10)
	deadline := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(now, deadline)
	defer cancel()
	s.closeConnections(ctx, time.Duration(timeouts.ShutdownDelay))
	var tunnels sync.WaitGroup
	tunnels.Go(func() { s.gateway.CloseTunnels(ctx) }) // those opened meanwhile too
	if !s.tenants.shutdown(ctx, deadline.Add(-grace)) {
		s.log.Warn("requests were cut off", zap.Duration("drain", limit))
		cut()
		s.tenants.shutdown(ctx, deadline)
	}
	tunnels.Wait()
	s.requests.wait(ctx)
	s.tracer.Close(ctx)
	s.admin.shutdown(ctx, deadline)
	err := errors.Join(s.tenants.close(), s.admin.close())
	if now.Err() != nil {
		return errCutShort
	}
	return err
}

// closeConnections accepts connections for delay, and closes each one after
// its response, so that clients connect to another gateway.
func (s *Server) closeConnections(ctx context.Context, delay time.Duration) {
	if delay == 0 {
		return
	}
	s.gateway.CloseConnections()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}
