package demux

import "sync/atomic"

// slots bounds how many connections hold more than a few bytes while they wait.
type slots struct{ used atomic.Int32 }

// take takes a slot, or returns false if there is none.
func (s *slots) take() bool {
	if s.used.Add(1) > maxHeld {
		s.used.Add(-1)
		return false
	}
	return true
}

func (s *slots) giveBack() { s.used.Add(-1) }
