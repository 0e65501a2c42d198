package logs

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	sampledEvery = 100              // of what is beyond the first ones of a second
	leftOutEvery = 10 * time.Second // how often the log tells what it left out
)

// sampler keeps out of the log what anybody can cause at any rate: of a second
// it lets the first ones pass, and then every hundredth. A line tells how many
// it left out, and why there were any. It may be used concurrently.
type Sampler struct {
	log   *Logger
	about string // what the lines are about
	first int64

	second, seen atomic.Int64 // of the clock, and in it

	mu      sync.Mutex
	leftOut map[string]int // by why
	since   time.Time
	timer   *time.Timer
}

// sampler returns the one for lines about something, of which there is one.
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

// passes reports whether a line is written now. Otherwise it is counted under
// why, which is one of few values.
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
		s.timer = time.AfterFunc(leftOutEvery, s.tell)
	}
	s.leftOut[why]++
}

// tell writes how many lines were left out since it was called last.
func (s *Sampler) tell() {
	s.mu.Lock()
	leftOut, since := s.leftOut, s.since
	s.leftOut = map[string]int{}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	total := 0
	for _, n := range leftOut {
		total += n
	}
	if total > 0 {
		s.log.Warn(s.about+" were left out of the log", zap.Int("count", total), zap.Time("since", since), zap.Object("by", counts(leftOut)))
	}
}

// counts are numbers by name.
type counts map[string]int

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (c counts) MarshalLogObject(into zapcore.ObjectEncoder) error {
	for name, n := range c {
		into.AddInt(name, n)
	}
	return nil
}
