package http1

import (
	"net/http"
	"strings"
	"sync"
)

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

// Close closes the client's connections, and those that come back later.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// Authenticates reports whether a header has the credentials or the challenge
// of a scheme that authenticates the connection.
func Authenticates(header http.Header) bool {
	for _, name := range [...]string{"Authorization", "Proxy-Authorization", "Www-Authenticate", "Proxy-Authenticate"} {
		for _, line := range header[name] {
			if hasConnectionScheme(line) {
				return true
			}
		}
	}
	return false
}

// hasConnectionScheme reports whether a list of challenges, or credentials, has
// such a scheme. One inside another's parameter counts too: that only costs a
// connection.
func hasConnectionScheme(line string) bool {
	for element := range strings.SplitSeq(line, ",") {
		// The scheme ends at the first byte that some parser reads as white space.
		scheme := strings.Trim(element, " \t")
		if end := strings.IndexFunc(scheme, func(c rune) bool { return c <= ' ' || c >= 0x7f }); end >= 0 {
			scheme = scheme[:end]
		}
		for _, known := range [...]string{"NTLM", "Negotiate", "Kerberos", "Nego2", "CredSSP"} {
			if strings.EqualFold(scheme, known) {
				return true
			}
		}
	}
	return false
}
