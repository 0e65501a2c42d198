package upstream

// Set has the Upstream of each Route in use.
type Set map[Route]*Upstream

// Use returns the Upstream of a Route, and adds it to s: the one of s, that of previous,
// or a new one.
func (s Set) Use(r Route, previous Set) *Upstream {
	known := s[r]
	if known == nil {
		known = previous[r]
	}
	if known == nil {
		known = New(r)
	}
	s[r] = known
	return known
}

// RetireUnless retires each Upstream that is not in next too.
func (s Set) RetireUnless(next Set) {
	for r, u := range s {
		if next[r] != u {
			u.Retire()
		}
	}
}
