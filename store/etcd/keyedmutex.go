package etcd

import (
	"context"
	"sync"
)

// keyedMutex has a mutex for every key. The zero value is ready. It stores only
// the keys that are locked or waited for.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*keyLock
}

type keyLock struct {
	locked chan struct{} // of one
	users  int           // the holder and those that wait
}

// lock locks keys, or fails when ctx ends. All callers pass keys in the same order,
// so that no two of them wait for each other.
func (m *keyedMutex) lock(ctx context.Context, keys ...string) (unlock func(), err error) {
	var unlocks []func()
	unlock = func() {
		for _, unlockOne := range unlocks {
			unlockOne()
		}
	}
	for _, key := range keys {
		l := m.addUser(key)
		select {
		case l.locked <- struct{}{}:
			unlocks = append(unlocks, func() { <-l.locked; m.removeUser(key, l) })
		case <-ctx.Done():
			m.removeUser(key, l)
			unlock()
			return nil, ctx.Err()
		}
	}
	return unlock, nil
}

func (m *keyedMutex) addUser(key string) *keyLock {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.locks[key]
	if l == nil {
		if m.locks == nil {
			m.locks = map[string]*keyLock{}
		}
		l = &keyLock{locked: make(chan struct{}, 1)}
		m.locks[key] = l
	}
	l.users++
	return l
}

func (m *keyedMutex) removeUser(key string, l *keyLock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(m.locks, key)
	}
}
