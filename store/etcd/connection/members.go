package connection

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
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

	users    sync.WaitGroup // calls that use the clients
	replaced chan struct{}  // closed when other members are in use
}

// newMembers creates the clients, without waiting for connections.
func newMembers(endpoints []string, a Access) (*members, error) {
	if (a.Username == "") != (a.Password == "") {
		return nil, errors.New("etcd: a user name and a password must be set together")
	}
	m := &members{replaced: make(chan struct{})}
	for _, endpoint := range endpoints {
		client, err := newClient(endpoint, a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("etcd: %w", err), m.close())
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
	minHedgeDelay = 250 * time.Millisecond
	maxHedgeDelay = time.Second
)

func (m *members) hedgeDelay() time.Duration {
	return min(max(2*time.Duration(m.latency.Load()), minHedgeDelay), maxHedgeDelay)
}

// hedgedCall asks members until one of them answers. It asks the next one when a
// member fails or is slow. It does not give up the slow one, which may be the only
// one left.
type hedgedCall[T any] struct {
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

// run returns the first response, or a final error, or the error of ctx together
// with the last error of a member before.
func (c *hedgedCall[T]) run(ctx context.Context) (answer T, err error) {
	c.results = make(chan result[T])
	for i := range c.members.clients {
		c.idle = append(c.idle, (int(c.members.preferred.Load())+i)%len(c.members.clients))
	}
	asking, cancel := context.WithCancel(ctx)
	defer c.finish(cancel)
	c.askNext(asking)
	next := time.NewTimer(c.members.hedgeDelay())
	defer next.Stop()
	var problem error
	for {
		select {
		case <-next.C:
			c.askNext(asking)
			next.Reset(c.members.hedgeDelay())
		case got := <-c.results:
			c.running--
			if got.err == nil {
				latency := c.members.latency.Load()
				c.members.latency.Store(latency + (int64(got.took)-latency)/4)
				c.members.preferred.Store(uint32(got.member))
				return got.answer, nil
			}
			if problem == nil || !errors.Is(got.err, context.DeadlineExceeded) {
				problem = got.err
			}
			if ctx.Err() == nil && IsFinal(got.err) {
				return answer, fmt.Errorf("etcd: %w", got.err)
			}
			c.idle = append(c.idle, got.member)
			next.Reset(c.retryDelay())
		case <-ctx.Done():
			if problem == nil || errors.Is(problem, ctx.Err()) {
				return answer, fmt.Errorf("etcd: no response: %w", ctx.Err())
			}
			return answer, fmt.Errorf("etcd: %w: %w", ctx.Err(), problem)
		}
	}
}

// askNext asks the next idle member, if there is one.
func (c *hedgedCall[T]) askNext(ctx context.Context) {
	if len(c.idle) == 0 {
		return
	}
	member := c.idle[0]
	c.idle = c.idle[1:]
	c.running++
	c.attempts++
	go func() {
		began := time.Now()
		answer, err := c.ask(ctx, c.members.clients[member])
		c.results <- result[T]{member, time.Since(began), answer, err}
	}()
}

// retryDelay returns the delay after a failure: none until all members have failed,
// then longer with every round.
func (c *hedgedCall[T]) retryDelay() time.Duration {
	c.failures++
	if n := len(c.members.clients); c.failures%n == 0 {
		return retryDelay(c.failures/n - 1)
	}
	return 0
}

// finish waits for the goroutines that still ask.
func (c *hedgedCall[T]) finish(cancel context.CancelFunc) {
	cancel()
	for ; c.running > 0; c.running-- {
		if late := <-c.results; late.err == nil && c.discard != nil {
			c.discard(late.answer)
		}
	}
}
