package downstream

import "sync"

// Buffers is a httputil.BufferPool. It holds arrays, because putting a slice back
// allocates.
type Buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements httputil.BufferPool.
func (b *Buffers) Get() []byte {
	if array, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return array[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *Buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
