package logs

import (
	"io"
	"sync"
	"time"
)

// outlet hands lines on to a writer without waiting for it: whoever reads the log
// may stall, and no request is to stall with it. It keeps some lines meanwhile,
// and drops those beyond. It may be used concurrently, and has to be closed.
type outlet struct {
	to io.Writer
	// dropped is called for each line that is, and told with how many were once
	// lines are taken again.
	dropped func()
	told    func(lines int)

	mu      sync.Mutex
	waiting []byte
	lost    int // lines since told was called
	closed  bool

	wake  chan struct{} // has room for one
	ended chan struct{}
}

const (
	mostWaiting    = 1 << 20     // bytes of lines
	outletPatience = time.Second // for the last lines
)

func newOutlet(to io.Writer, dropped func(), told func(lines int)) *outlet {
	o := &outlet{to: to, dropped: dropped, told: told, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go o.run()
	return o
}

// Write implements io.Writer for whole lines. It never fails.
func (o *outlet) Write(lines []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.waiting)+len(lines) > mostWaiting {
		o.lost++
		o.dropped()
		return len(lines), nil
	}
	o.waiting = append(o.waiting, lines...)
	o.rouse()
	return len(lines), nil
}

// Sync implements zapcore.WriteSyncer.
func (o *outlet) Sync() error { return nil }

// rouse is called with mu held, and has run look again.
func (o *outlet) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run writes what waits until the outlet is closed.
func (o *outlet) run() {
	defer close(o.ended)
	var free []byte
	for range o.wake {
		lines, closed := o.take(free)
		o.to.Write(lines) // an error could be told to nobody
		if o.tellLost(); closed {
			return
		}
		free = lines[:0]
	}
}

// take returns what waits, for which there is free from now on, and whether it is
// the last.
func (o *outlet) take(free []byte) (lines []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines, o.waiting = o.waiting, free
	return lines, o.closed
}

func (o *outlet) tellLost() {
	o.mu.Lock()
	lost := o.lost
	o.lost = 0
	o.mu.Unlock()
	if lost > 0 {
		o.told(lost)
	}
}

// close writes what waits, unless that takes too long.
func (o *outlet) close() {
	o.mu.Lock()
	o.closed = true
	o.rouse()
	o.mu.Unlock()
	select {
	case <-o.ended:
	case <-time.After(outletPatience):
	}
}
