package demux

import (
	"cmp"
	"context"
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
	// HTTP serves all connections but those whose first request is a call. Of its time
	// limits, those for heads and for idle connections hold for the first request too.
	HTTP *http.Server
	// NewGRPC returns a server for calls, which is used for one call of its Serve.
	NewGRPC func() *grpc.Server
	// IsCall reports whether a request over HTTP/2 is a call of gRPC.
	IsCall func(method, target, contentType string) bool
	// MaxHeader is how many bytes the header of a call may have, as HPACK counts them.
	// Longer ones are for net/http. 0 is the limit of http2.Framer.
	MaxHeader int
	// WriteLimit limits how long a write to a client's socket may take, by up to a second
	// more; 0 is no limit.
	WriteLimit time.Duration

	http *queue
	// giving is held for reading while a connection is given to the newest server for
	// calls, and for writing when there is a newer one.
	giving sync.RWMutex

	mu      sync.Mutex
	inner   net.Listener
	calls   []*callServer         // the last one serves new connections
	waiting map[net.Conn]struct{} // for their first request
	sorted  sync.WaitGroup        // of waiting
	stopped bool
}

// callServer is a gRPC server, and the connections for it.
type callServer struct {
	*grpc.Server
	queue *queue
}

// Serve serves the connections of l until Shutdown or Close, or until l accepts no more,
// whose error it returns; those that were accepted are served then until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if !s.start(l) {
		l.Close()
		return http.ErrServerClosed
	}
	for {
		conn, err := l.Accept()
		switch {
		case err != nil && s.isStopped():
			return http.ErrServerClosed
		case err != nil:
			return err
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
	go s.HTTP.Serve(s.http)
	s.startCalls()
	return true
}

// startCalls starts a server for new connections. It is called with mu held.
func (s *Server) startCalls() {
	calls := &callServer{s.NewGRPC(), newQueue(s.inner.Addr())}
	s.calls = append(s.calls, calls)
	go calls.Serve(calls.queue)
}

// CloseConnections has the clients of gRPC open new connections, which are served as well:
// those that there are get a GOAWAY, and are closed after the calls that run.
func (s *Server) CloseConnections() {
	s.giving.Lock()
	defer s.giving.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.inner == nil {
		return
	}
	old := s.calls[len(s.calls)-1]
	s.startCalls()
	go old.GracefulStop()
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

func (s *Server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
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
		s.giveCalls(b.forCalls(s.WriteLimit))
	default:
		conn.Close()
	}
}

// containPanic closes the connection after a panic, which ends no other one.
func (s *Server) containPanic(conn net.Conn) {
	if cause := recover(); cause != nil {
		cmp.Or(s.HTTP.ErrorLog, log.Default()).Printf("panic serving %v: %v\n%s", conn.RemoteAddr(), cause, debug.Stack())
		s.leave(conn)
		conn.Close()
	}
}

// giveCalls gives a connection to the server that serves new ones, and returns when that
// has begun: a server that is stopped before closes what it has only accepted.
func (s *Server) giveCalls(conn beginner) {
	s.giving.RLock()
	defer s.giving.RUnlock()
	s.newestCalls().give(conn)
	<-conn.begun()
}

// newestCalls returns the connections for the server that serves new ones.
func (s *Server) newestCalls() *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[len(s.calls)-1].queue
}

// Limits of the time until the first request, if the http.Server has none.
const (
	defaultHead = 10 * time.Second
	defaultIdle = 10 * time.Minute
)

// limitHead has reading from a connection that waits fail when the time for a head has
// passed.
func (s *Server) limitHead(conn net.Conn) {
	s.limit(conn, cmp.Or(s.HTTP.ReadHeaderTimeout, defaultHead))
}

// limitIdle is limitHead for a client that need not send a request at once.
func (s *Server) limitIdle(conn net.Conn) { s.limit(conn, cmp.Or(s.HTTP.IdleTimeout, defaultIdle)) }

func (s *Server) limit(conn net.Conn, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped { // which has set another limit
		conn.SetReadDeadline(time.Now().Add(limit))
	}
}

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
		conn.SetReadDeadline(until)
	}
	return s.calls
}
