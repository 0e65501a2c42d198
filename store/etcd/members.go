package etcd

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// members are those of the cluster that are named, each with a client of its
// own. A client of all of them would not say which one leaves a call without an
// answer, and would ask it again in its turn.
type members struct {
	clients []*clientv3.Client

	first atomic.Uint32 // the one that answered last, which is asked first
	usual atomic.Int64  // how long an answer takes, in nanoseconds, on average of late

	users    int           // calls that may use the clients, with the store's mu held
	replaced chan struct{} // closed when others are used instead, with mu held
}

// newMembers makes a client of each, without waiting for the cluster.
func newMembers(endpoints []string, a Access) (*members, error) {
	m := &members{replaced: make(chan struct{})}
	for _, endpoint := range endpoints {
		client, err := connect(endpoint, a)
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.clients = append(m.clients, client)
	}
	m.first.Store(rand.Uint32N(uint32(len(endpoints)))) // not all gateways the same one
	return m, nil
}

func (m *members) close() error {
	var all error
	for _, client := range m.clients {
		if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			all = errors.Join(all, err)
		}
	}
	return all
}

const (
	// A member that has not answered for twice the usual time is taken to be
	// slow, within these bounds, and another one is asked as well.
	leastPatience = 250 * time.Millisecond
	mostPatience  = time.Second
)

func (m *members) patience() time.Duration {
	return min(max(2*time.Duration(m.usual.Load()), leastPatience), mostPatience)
}

// answered notes who answered, and how soon.
func (m *members) answered(member int, took time.Duration) {
	m.first.Store(uint32(member))
	usual := m.usual.Load()
	m.usual.Store(usual + (int64(took)-usual)/4)
}

// inTurn returns the members in the order in which they are asked.
func (m *members) inTurn() []int {
	turn := make([]int, len(m.clients))
	for i := range turn {
		turn[i] = (int(m.first.Load()) + i) % len(turn)
	}
	return turn
}

// race asks members until one of them has answered. The next one is asked when
// another one has failed, or is slow. None is given up because another one is
// asked: the slow one may be the only one that is left.
type race[T any] struct {
	members *members
	ask     func(context.Context, *clientv3.Client) (T, error)
	discard func(T) // of answers that come too late; may be nil

	ended   chan attempt[T]
	waiting []int // those who are not being asked, in their turn
	asking  int
	asked   int // how often anybody was
	failed  int
}

type attempt[T any] struct {
	member int
	took   time.Duration
	answer T
	err    error
}

// run returns the first answer, or the error with which to stop: one that would
// come again, or that of ctx with what the cluster said.
func (r *race[T]) run(ctx context.Context) (answer T, err error) {
	r.ended, r.waiting = make(chan attempt[T]), r.members.inTurn()
	attempts, cancel := context.WithCancel(ctx)
	defer r.finish(cancel)
	r.start(attempts)
	next := time.NewTimer(r.members.patience())
	defer next.Stop()
	var trouble error
	for {
		select {
		case <-next.C:
			r.start(attempts)
			next.Reset(r.members.patience())
		case a := <-r.ended:
			r.asking--
			if a.err == nil {
				r.members.answered(a.member, a.took)
				return a.answer, nil
			}
			if trouble = telling(trouble, a.err); ctx.Err() == nil && lasting(a.err) {
				return answer, wrapped(a.err)
			}
			r.waiting = append(r.waiting, a.member)
			next.Reset(r.pause())
		case <-ctx.Done():
			return answer, unanswered(ctx.Err(), trouble)
		}
	}
}

// start asks the next member, if there is one.
func (r *race[T]) start(ctx context.Context) {
	if len(r.waiting) == 0 {
		return
	}
	member := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.asking++
	r.asked++
	go func() {
		began := time.Now()
		answer, err := r.ask(ctx, r.members.clients[member])
		r.ended <- attempt[T]{member, time.Since(began), answer, err}
	}()
}

// pause is how long to wait after a failure: not at all for another member, and
// longer with every round of them.
func (r *race[T]) pause() time.Duration {
	r.failed++
	if all := len(r.members.clients); r.failed%all == 0 {
		return wait(r.failed/all - 1)
	}
	return 0
}

// finish waits for those who are still asked.
func (r *race[T]) finish(cancel context.CancelFunc) {
	cancel()
	for ; r.asking > 0; r.asking-- {
		if a := <-r.ended; a.err == nil && r.discard != nil {
			r.discard(a.answer)
		}
	}
}
