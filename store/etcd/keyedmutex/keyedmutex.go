// Package keyedmutex has mutexes for keys, which can be waited for as long as a context
// lasts.
package keyedmutex

import (
	"context"
	"sync"
)

// Mutex has a mutex for every key. The zero value is ready. It keeps every key
// that was locked, so their number must be bounded.
type Mutex struct {
	mutexes sync.Map // of chan struct{}, which has one element while it is locked
}

// Lock locks keys, or fails when ctx ends. All callers pass keys in the same order,
// so that no two of them wait for each other.
func (m *Mutex) Lock(ctx context.Context, keys ...string) (unlock func(), err error) {
	var locked []chan struct{}
	unlock = func() {
		for _, mutex := range locked {
			<-mutex
		}
	}
	for _, key := range keys {
		mutex, _ := m.mutexes.LoadOrStore(key, make(chan struct{}, 1))
		select {
		case mutex.(chan struct{}) <- struct{}{}:
			locked = append(locked, mutex.(chan struct{}))
		case <-ctx.Done():
			unlock()
			return nil, ctx.Err()
		}
	}
	return unlock, nil
}
