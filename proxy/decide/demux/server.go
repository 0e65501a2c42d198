package demux

import (
	"cmp"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Server serves the connections of a listener. The fields are not changed after Serve; it
// is used for one call of Serve, and otherwise concurrently.
type Server struct {
	// HTTP serves all connections but those whose first request is a call. Its time
	// limits for heads and for idle connections hold for the first request too, and its
	// ErrorLog gets panics and requests that are no calls.
	HTTP *http.Server
	// NewGRPC returns a server for calls, which is used for one call of its Serve.
	NewGRPC func() *grpc.Server
	// IsCall reports whether a request over HTTP/2 is a call of gRPC.
	IsCall func(method, target, contentType string) bool
	// MaxHeader is how many bytes the header of a call may have, as HPACK counts them.
	// Longer ones are for net/http. 0 is the limit of http2.Framer.
	MaxHeader int
	// MaxStreams is how many requests a client may have at a time, which it is told in the
	// name of both servers; 0 leaves that to them.
	MaxStreams uint32
	// WriteLimit limits how long a write to a client's socket may take, by up to a second
	// more; 0 is no limit.
	WriteLimit time.Duration

	http *queue
	held slots // for what is read before the first request

	mu      sync.Mutex
	inner   net.Listener
	calls   []*callServer         // the last one serves new connections
	waiting map[net.Conn]struct{} // for their first request
	sorted  sync.WaitGroup        // of waiting
	stopped bool
	failure error // of a server: nothing more is accepted
}

// Serve serves the connections of l until Shutdown or Close, or until l accepts no more,
// whose error it returns, or until a server for them has ended, and then it returns why;
// those that were accepted are served then until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if !s.start(l) {
		l.Close()
		return http.ErrServerClosed
	}
	for {
		conn, err := l.Accept()
		switch {
		case err != nil:
			return s.whyEnded(err)
		case s.admit(conn):
			go s.sort(conn)
		default:
			conn.Close()
		}
	}
}

// start starts the servers, unless they are stopped already.
func (s *Server) start(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.inner, s.waiting = l, map[net.Conn]struct{}{}
	s.http = newQueue(l.Addr())
	go func() { s.ended(s.http, "HTTP", s.HTTP.Serve(s.http)) }()
	s.startCalls()
	return true
}

// ended has Serve end if new connections were for the server of q, which would be
// accepted for nobody. A server that was stopped or replaced is to end.
func (s *Server) ended(q *queue, name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || q != s.http && q != s.newestCalls().queue {
		return
	}
	// Not %w: http.ErrServerClosed would say that this was to be.
	s.failure = cmp.Or(s.failure, fmt.Errorf("serving %s: %v", name, cmp.Or(err, errEnded)))
	s.inner.Close()
}

var errEnded = errors.New("the server was stopped")

// whyEnded returns the error of Serve when Accept has returned err.
func (s *Server) whyEnded(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return http.ErrServerClosed
	}
	return cmp.Or(s.failure, err)
}

// admit notes a connection whose first request has not come.
func (s *Server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.waiting[conn] = struct{}{}
	s.sorted.Add(1)
	return true
}

// leave notes that the kind of a connection is known. Its limits end.
func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, conn)
	conn.SetDeadline(time.Time{})
}

// sort gives a connection to one of the servers, or closes it.
func (s *Server) sort(conn net.Conn) {
	defer s.sorted.Done()
	defer s.containPanic(conn)
	b := beginning{conn: conn, server: s}
	kind := b.read()
	s.leave(conn)
	switch kind {
	case isHTTP:
		s.http.give(b.forHTTP())
	case isCall:
		s.giveCalls(&b)
	default:
		b.sayGoodbye()
		conn.Close()
	}
}

// containPanic closes the connection after a panic, which ends no other one.
func (s *Server) containPanic(conn net.Conn) {
	if cause := recover(); cause != nil {
		s.logf("panic serving %v: %v\n%s", conn.RemoteAddr(), cause, debug.Stack())
		s.leave(conn)
		conn.Close()
	}
}

func (s *Server) logf(format string, args ...any) {
	cmp.Or(s.HTTP.ErrorLog, log.Default()).Printf(format, args...)
}

// limitHead has reading from a connection that waits fail when the time for a head has
// passed.
func (s *Server) limitHead(conn net.Conn) {
	s.limit(conn.SetReadDeadline, cmp.Or(s.HTTP.ReadHeaderTimeout, s.HTTP.ReadTimeout))
}

// limitIdle is limitHead for a client that need not send a request at once.
func (s *Server) limitIdle(conn net.Conn) {
	s.limit(conn.SetReadDeadline, cmp.Or(s.HTTP.IdleTimeout, s.HTTP.ReadTimeout))
}

// limitWrite has writing to a connection that waits fail when its client does not read.
func (s *Server) limitWrite(conn net.Conn) { s.limit(conn.SetWriteDeadline, writeTime) }

// writeTime is for a few bytes that the client may have no room for.
const writeTime = 10 * time.Second

// limit sets a deadline. As with net/http, a limit of 0 or less is none.
func (s *Server) limit(set func(time.Time) error, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped: // which has set another limit
	case limit > 0:
		set(time.Now().Add(limit))
	default:
		set(time.Time{})
	}
}
