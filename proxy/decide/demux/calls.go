package demux

import (
	"sync"

	"google.golang.org/grpc"
)

// callServer is a gRPC server, and the connections for it.
type callServer struct {
	*grpc.Server
	queue *queue
	// given are the connections that the server has not begun to serve.
	given sync.WaitGroup
}

// GracefulStop is that of grpc.Server, which closes what it has only accepted: it waits
// until the server has begun to serve all connections. None is given to it any more.
func (c *callServer) GracefulStop() {
	c.given.Wait()
	c.Server.GracefulStop()
}

// startCalls starts a server for new connections. It is called with mu held.
func (s *Server) startCalls() {
	calls := &callServer{Server: s.NewGRPC(), queue: newQueue(s.inner.Addr())}
	s.calls = append(s.calls, calls)
	go func() { s.ended(calls.queue, "gRPC", calls.Serve(calls.queue)) }()
}

// CloseConnections has the clients of gRPC open new connections, which are served as well:
// those that there are get a GOAWAY, and are closed after the calls that run.
func (s *Server) CloseConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.inner == nil {
		return
	}
	old := s.newestCalls()
	s.startCalls()
	go old.GracefulStop()
}

// giveCalls gives a connection to the server that serves new ones.
func (s *Server) giveCalls(b *beginning) {
	calls := s.chooseCalls()
	calls.queue.give(b.forCalls(s.WriteLimit, sync.OnceFunc(calls.given.Done)))
}

// chooseCalls returns the server that serves new connections, and has it wait for one.
func (s *Server) chooseCalls() *callServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.newestCalls()
	calls.given.Add(1)
	return calls
}

// newestCalls returns the server that serves new connections. It is called with mu held.
func (s *Server) newestCalls() *callServer { return s.calls[len(s.calls)-1] }
