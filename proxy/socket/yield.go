package socket

import "runtime"

// yields says when to let other goroutines run before a read that would have to wait.
// While many connections are busy, the bytes have arrived when the goroutine runs again:
// that saves a system call and the wait for its event. The zero yields is ready.
type yields struct {
	misses  uint8 // in a row
	skip    uint8 // reads before which it does not yield
	yielded bool
}

// before lets other goroutines run, unless that has not helped lately.
func (y *yields) before() {
	if y.skip > 0 {
		y.skip--
		return
	}
	y.yielded = true
	runtime.Gosched()
}

// maxMisses bounds the pause between attempts: 1 in 63 reads of a connection that never
// profits.
const maxMisses = 6

// note records whether the read found bytes at once.
func (y *yields) note(found bool) {
	switch {
	case !y.yielded:
	case found:
		y.misses = 0
	default:
		y.misses = min(y.misses+1, maxMisses)
		y.skip = 1<<y.misses - 2
	}
	y.yielded = false
}
