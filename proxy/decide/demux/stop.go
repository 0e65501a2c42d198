package demux

import (
	"context"
	"sync"
	"time"
)

// sortTime is how long Shutdown waits for first requests that are under way.
const sortTime = time.Second

// Shutdown accepts no more connections, and returns nil when all requests and calls have
// ended and their connections are closed, or the error of ctx when that ends before.
func (s *Server) Shutdown(ctx context.Context) error {
	calls := s.stop(time.Now().Add(sortTime))
	defer context.AfterFunc(ctx, func() { s.stop(time.Unix(1, 0)) })()
	s.sorted.Wait()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		drain(calls)
	}()
	if err := s.HTTP.Shutdown(ctx); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain returns when all calls have ended.
func drain(calls []*callServer) {
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(c.GracefulStop)
	}
	all.Wait()
}

// Close closes all connections. It returns the error of closing the http.Server.
func (s *Server) Close() error {
	calls := s.stop(time.Unix(1, 0))
	s.sorted.Wait()
	for _, c := range calls {
		c.Stop()
	}
	return s.HTTP.Close()
}

// stop accepts no more connections, and has those that wait for a server end by until. It
// returns the servers for calls.
func (s *Server) stop(until time.Time) []*callServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped = true; s.inner != nil {
		s.inner.Close()
	}
	for conn := range s.waiting {
		conn.SetDeadline(until)
	}
	return s.calls
}
