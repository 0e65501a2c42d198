package etcd

import (
	"context"
	"sync"
)

// turns has the writes of one tenant wait for one another in this process, so
// that they do not compare against what each other is about to change. The zero
// value is ready. It holds only the tenants that are being written to.
type turns struct {
	mu     sync.Mutex
	queues map[string]*queue
}

type queue struct {
	turn chan struct{} // of one
	in   int           // those that have the turn or wait for it
}

// take waits for the tenant's turn, no longer than ctx.
func (t *turns) take(ctx context.Context, tenant string) (end func(), err error) {
	q := t.join(tenant)
	select {
	case q.turn <- struct{}{}:
		return func() { <-q.turn; t.leave(tenant, q) }, nil
	case <-ctx.Done():
		t.leave(tenant, q)
		return nil, ctx.Err()
	}
}

// takeAll takes the turns of several tenants. Whoever wants several has them in
// the same order, so that nobody waits for one who waits for him.
func (t *turns) takeAll(ctx context.Context, tenants []string) (end func(), err error) {
	var ends []func()
	end = func() {
		for _, one := range ends {
			one()
		}
	}
	for _, tenant := range tenants {
		one, err := t.take(ctx, tenant)
		if err != nil {
			end()
			return nil, err
		}
		ends = append(ends, one)
	}
	return end, nil
}

func (t *turns) join(tenant string) *queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[tenant]
	if q == nil {
		if t.queues == nil {
			t.queues = map[string]*queue{}
		}
		q = &queue{turn: make(chan struct{}, 1)}
		t.queues[tenant] = q
	}
	q.in++
	return q
}

func (t *turns) leave(tenant string, q *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.in--; q.in == 0 {
		delete(t.queues, tenant)
	}
}
