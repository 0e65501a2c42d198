package demo

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// sites are the example's own servers: the tenant and the pages.
type sites struct {
	fail context.CancelCauseFunc // ends the example

	listeners []net.Listener
	servers   []*http.Server
	running   sync.WaitGroup
}

// add registers l, which close closes, unless err is not nil. It returns both.
func (s *sites) add(l net.Listener, err error) (net.Listener, error) {
	if err == nil {
		s.listeners = append(s.listeners, l)
	}
	return l, err
}

// serve answers at a listener until close. The end of ctx ends the handler's
// streams.
func (s *sites) serve(ctx context.Context, at net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
			s.fail(err)
		}
	})
}

func (s *sites) close() {
	for _, server := range s.servers {
		server.Close()
	}
	for _, l := range s.listeners {
		l.Close()
	}
	s.running.Wait()
}
