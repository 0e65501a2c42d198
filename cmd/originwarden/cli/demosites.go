package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"originwarden/cmd/originwarden/cli/command"
)

// sites are the demo's own servers: the tenant and the pages.
type sites struct {
	listen command.Listen
	fail   context.CancelCauseFunc // ends the demo

	opened  []net.Listener
	servers []*http.Server
	running sync.WaitGroup
}

// open takes the address, until close.
func (s *sites) open(address string) (net.Listener, error) {
	l, err := s.listen("tcp", address)
	if err == nil {
		s.opened = append(s.opened, l)
	}
	return l, err
}

// serve answers at a listener, until close. The streams of the handler end with
// ctx.
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
	for _, l := range s.opened {
		l.Close()
	}
	s.running.Wait()
}

func portOf(at net.Addr) int {
	_, port, _ := net.SplitHostPort(at.String())
	number, _ := strconv.Atoi(port)
	return number
}

// reachable is where this machine reaches what listens at an address.
func reachable(at net.Addr) string {
	host, port, _ := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// pageOrigins are the origins of a page on this machine, by both names that its
// Content-Security-Policy and its listener know.
func pageOrigins(at net.Addr) []string {
	port := strconv.Itoa(portOf(at))
	return []string{"http://localhost:" + port, "http://127.0.0.1:" + port}
}
