package upstream

import "sync"

// Set has an Upstream for each of its routes. Its zero value has none. It may be used
// concurrently.
type Set struct {
	mu      sync.Mutex
	byRoute map[Route]*Upstream
	retired bool
}

// Of returns the Upstream of a route. If there is none yet, it is that of before, which
// may be nil, or else a new one.
func (s *Set) Of(route Route, before *Set) *Upstream {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.byRoute[route]
	if known == nil {
		if known = before.find(route); known == nil {
			known = New(route)
			if s.retired { // for a request that has begun before
				known.Retire()
			}
		}
		if s.byRoute == nil {
			s.byRoute = map[Route]*Upstream{}
		}
		s.byRoute[route] = known
	}
	return known
}

func (s *Set) find(route Route) *Upstream {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byRoute[route]
}

// RetireFor retires those that next does not have, which is used from now on.
func (s *Set) RetireFor(next *Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	for route, u := range s.byRoute {
		if next.find(route) != u {
			u.Retire()
		}
	}
}

// CloseIdle closes the connections that no request uses.
func (s *Set) CloseIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.byRoute {
		u.CloseIdle()
	}
}
