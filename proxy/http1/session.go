package http1

import "sync"

// Session has the connections that belong to one client, because they authenticate
// a user: NTLM and Negotiate authenticate a connection, not a request (RFC 4559,
// section 6). The zero Session has none. It may be used concurrently.
type Session struct {
	mu     sync.Mutex
	closed bool
	conns  []*conn // one for each upstream at most
}

// maxSession is the number of upstreams to which one client has a connection.
const maxSession = 8

// take returns the client's connection to p if it is alive, or nil.
func (s *Session) take(p *Pool) *conn {
	if s == nil {
		return nil
	}
	c := s.remove(p)
	if c == nil || c.isAlive() {
		return c
	}
	c.Close()
	return nil
}

func (s *Session) remove(p *Pool) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.conns {
		if c.pool == p {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			return c
		}
	}
	return nil
}

// put keeps c for the client, or closes it.
func (s *Session) put(c *conn) {
	if s == nil {
		c.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	if len(s.conns) == maxSession {
		s.conns[0].Close()
		s.conns = append(s.conns[:0], s.conns[1:]...)
	}
	s.conns = append(s.conns, c)
}

// Close closes the client's connections, and those that come back later. It does not
// end exchanges.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}
