package logs

import (
	"io"
	"sync"
	"time"
)

// outlet writes lines in the background, so that a slow reader of the log delays
// no request. It buffers some lines and drops the rest. It may be used concurrently,
// and has to be closed.
type outlet struct {
	to io.Writer
	// dropped is called for each dropped line, and reportLost with their number once
	// lines are accepted again.
	dropped    func()
	reportLost func(lines int)

	mu      sync.Mutex
	changed sync.Cond // signals a change of waiting or closed
	waiting []byte
	lost    int // lines since reportLost was called
	closed  bool

	ended chan struct{}
}

const (
	maxWaiting = 1 << 20 // bytes of lines
	// collectTime is how long lines are collected for one write: under load, a write
	// for each line would cost more than to format it.
	collectTime  = 2 * time.Millisecond
	closeTimeout = time.Second // for the last lines
)

func newOutlet(to io.Writer, dropped func(), reportLost func(lines int)) *outlet {
	o := &outlet{to: to, dropped: dropped, reportLost: reportLost, ended: make(chan struct{})}
	o.changed.L = &o.mu
	go o.run()
	return o
}

// Write implements io.Writer for whole lines. It never fails.
func (o *outlet) Write(lines []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.waiting)+len(lines) > maxWaiting {
		o.lost++
		o.dropped()
		return len(lines), nil
	}
	if o.waiting = append(o.waiting, lines...); len(o.waiting) == len(lines) {
		o.changed.Signal()
	}
	return len(lines), nil
}

// Sync implements zapcore.WriteSyncer.
func (o *outlet) Sync() error { return nil }

// run writes what waits until the outlet is closed.
func (o *outlet) run() {
	defer close(o.ended)
	var lines []byte
	for last := false; !last; {
		var lost int
		lines, lost, last = o.take(lines[:0])
		o.to.Write(lines) // there is nowhere to report an error
		if lost > 0 {
			o.reportLost(lost)
		}
	}
}

// take waits for lines and returns them, with how many were dropped before, and
// whether they are the last. Lines that come next are collected in free.
func (o *outlet) take(free []byte) (lines []byte, lost int, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) == 0 && !o.closed {
		o.changed.Wait()
	}
	if !o.closed {
		o.mu.Unlock()
		time.Sleep(collectTime)
		o.mu.Lock()
	}
	lines, lost = o.waiting, o.lost
	o.waiting, o.lost = free, 0
	return lines, lost, o.closed
}

// close writes what waits, unless that takes too long.
func (o *outlet) close() {
	o.mu.Lock()
	o.closed = true
	o.changed.Signal()
	o.mu.Unlock()
	select {
	case <-o.ended:
	case <-time.After(closeTimeout):
	}
}
