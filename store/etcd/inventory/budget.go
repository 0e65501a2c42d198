package inventory

import (
	"sync"
	"time"
)

const (
	// Rate is how many bytes a second a gateway writes, in the long run.
	Rate = 100 << 10
	// burst is how many bytes it may write at once.
	burst = 1 << 20
)

// budget is a bucket of bytes. The zero value is full.
type budget struct {
	mu    sync.Mutex
	spent int // bytes that have not run out of the bucket
	at    time.Time
}

// isSpent reports whether nothing may be written now.
func (b *budget) isSpent(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent -= min(b.spent, int(now.Sub(b.at).Seconds()*Rate))
	b.at = now
	return b.spent >= burst
}

// spend takes bytes, perhaps more than there are.
func (b *budget) spend(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += bytes
}
