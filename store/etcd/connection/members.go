package connection

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// members are the configured members of the cluster, with one client each. One
// client of all of them would not report which member leaves a call unanswered,
// and would choose that member again.
type members struct {
	clients []*clientv3.Client

	preferred atomic.Uint32 // the member that answered last
	latency   atomic.Int64  // moving average, in nanoseconds

	users    int           // calls that use the clients; guarded by Cluster.mu
	replaced chan struct{} // closed when other members are in use
}

// newMembers creates the clients, without waiting for connections.
func newMembers(endpoints []string, a Access) (*members, error) {
	m := &members{replaced: make(chan struct{})}
	for _, endpoint := range endpoints {
		client, err := newClient(endpoint, a)
		if err != nil {
			return nil, errors.Join(wrapError(err), m.close())
		}
		m.clients = append(m.clients, client)
	}
	m.preferred.Store(rand.Uint32N(uint32(len(endpoints)))) // spreads gateways over members
	return m, nil
}

func (m *members) close() error {
	var failed error
	for _, client := range m.clients {
		if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// The time after which another member is asked too is twice the average latency,
// within these bounds.
const (
	minPatience = 250 * time.Millisecond
	maxPatience = time.Second
)

func (m *members) patience() time.Duration {
	return min(max(2*time.Duration(m.latency.Load()), minPatience), maxPatience)
}

func (m *members) recordAnswer(member int, took time.Duration) {
	m.preferred.Store(uint32(member))
	latency := m.latency.Load()
	m.latency.Store(latency + (int64(took)-latency)/4)
}

// order returns the members in the order in which to ask them.
func (m *members) order() []int {
	order := make([]int, len(m.clients))
	for i := range order {
		order[i] = (int(m.preferred.Load()) + i) % len(order)
	}
	return order
}

// race asks members until one of them answers. It asks the next one when a member
// fails or is slow. It does not give up the slow one, which may be the only one
// left.
type race[T any] struct {
	members *members
	ask     func(context.Context, *clientv3.Client) (T, error)
	discard func(T) // takes answers that come too late; may be nil

	results  chan result[T]
	idle     []int // members that are not being asked, in their order
	running  int
	attempts int
	failures int
}

type result[T any] struct {
	member int
	took   time.Duration
	answer T
	err    error
}

// run returns the first answer, or a final error, or the error of ctx together
// with the most informative error of the members.
func (r *race[T]) run(ctx context.Context) (answer T, err error) {
	r.results, r.idle = make(chan result[T]), r.members.order()
	asking, cancel := context.WithCancel(ctx)
	defer r.finish(cancel)
	r.askNext(asking)
	next := time.NewTimer(r.members.patience())
	defer next.Stop()
	var problem error
	for {
		select {
		case <-next.C:
			r.askNext(asking)
			next.Reset(r.members.patience())
		case got := <-r.results:
			r.running--
			if got.err == nil {
				r.members.recordAnswer(got.member, got.took)
				return got.answer, nil
			}
			if problem = moreInformative(problem, got.err); ctx.Err() == nil && IsFinal(got.err) {
				return answer, wrapError(got.err)
			}
			r.idle = append(r.idle, got.member)
			next.Reset(r.retryDelay())
		case <-ctx.Done():
			return answer, timeoutError(ctx.Err(), problem)
		}
	}
}

// askNext asks the next idle member, if there is one.
func (r *race[T]) askNext(ctx context.Context) {
	if len(r.idle) == 0 {
		return
	}
	member := r.idle[0]
	r.idle = r.idle[1:]
	r.running++
	r.attempts++
	go func() {
		began := time.Now()
		answer, err := r.ask(ctx, r.members.clients[member])
		r.results <- result[T]{member, time.Since(began), answer, err}
	}()
}

// retryDelay returns the delay after a failure: none while there are members that
// have not failed, then longer with every round.
func (r *race[T]) retryDelay() time.Duration {
	r.failures++
	if n := len(r.members.clients); r.failures%n == 0 {
		return retryDelay(r.failures/n - 1)
	}
	return 0
}

// finish waits for the goroutines that still ask.
func (r *race[T]) finish(cancel context.CancelFunc) {
	cancel()
	for ; r.running > 0; r.running-- {
		if late := <-r.results; late.err == nil && r.discard != nil {
			r.discard(late.answer)
		}
	}
}
