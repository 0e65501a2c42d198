package logs

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	sampledEvery = 100              // of what is beyond the first ones of a second
	leftOutEvery = 10 * time.Second // how often the log reports what it left out
)

// Sampler limits lines that anybody can cause at any rate: in each second the
// first ones pass, and then every hundredth. A line reports how many were left
// out, by reason, which zap's own sampler cannot do: its hook sees no reason.
// It may be used concurrently.
type Sampler struct {
	log   *Logger
	about string // what the lines are about
	first int64

	second atomic.Int64 // Unix time
	seen   atomic.Int64 // lines in that second

	mu      sync.Mutex
	leftOut map[string]int // by why
	since   time.Time
	timer   *time.Timer
}

// Sampler returns the Sampler of the lines about something. Calls with the same
// about return the same one; first is how many lines of a second pass.
func (l *Logger) Sampler(about string, first int) *Sampler {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.samplers[about]
	if s == nil {
		s = &Sampler{log: l, about: about, first: int64(first), leftOut: map[string]int{}}
		l.samplers[about] = s
	}
	return s
}

// Passes reports whether a line is written now. Otherwise it is counted under
// why, which must be one of a few values.
func (s *Sampler) Passes(why string) bool {
	if now := time.Now().Unix(); s.second.Swap(now) != now {
		s.seen.Store(0)
	}
	if n := s.seen.Add(1); n <= s.first || (n-s.first)%sampledEvery == 0 {
		return true
	}
	s.leaveOut(why)
	return false
}

func (s *Sampler) leaveOut(why string) {
	s.log.dropped.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.leftOut) == 0 {
		s.since = time.Now()
		s.timer = time.AfterFunc(leftOutEvery, s.report)
	}
	s.leftOut[why]++
}

// report writes how many lines were left out since the last report, if any.
func (s *Sampler) report() {
	s.mu.Lock()
	leftOut, since := s.leftOut, s.since
	s.leftOut = map[string]int{}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if len(leftOut) == 0 {
		return
	}
	total := 0
	for _, n := range leftOut {
		total += n
	}
	s.log.Warn(s.about+" were left out of the log", zap.Int("count", total), zap.Time("since", since), zap.Any("by", leftOut))
}
