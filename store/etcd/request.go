package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	firstWait   = 5 * time.Millisecond
	longestWait = 200 * time.Millisecond
)

// request is one transaction.
type request struct {
	when []clientv3.Cmp
	then []clientv3.Op
}

// ask makes a request that may happen several times, until it is answered.
func (s *Store) ask(ctx context.Context, r request) (*clientv3.TxnResponse, error) {
	answer, _, err := s.send(ctx, r)
	return answer, err
}

// send makes a request until it is answered, and tells how often it was sent. If
// that is not once, it may have happened, or still happen, whatever is returned.
func (s *Store) send(ctx context.Context, r request) (answer *clientv3.TxnResponse, times int, err error) {
	m := s.hold()
	defer s.release(m)
	of := race[*clientv3.TxnResponse]{members: m, ask: r.commit}
	answer, err = of.run(ctx)
	return answer, of.asked, err
}

func (r request) commit(ctx context.Context, client *clientv3.Client) (*clientv3.TxnResponse, error) {
	return client.Txn(ctx).If(r.when...).Then(r.then...).Commit()
}

// telling returns the one of two errors that says more than that time was over.
func telling(earlier, err error) error {
	if earlier != nil && errors.Is(err, context.DeadlineExceeded) {
		return earlier
	}
	return err
}

func wrapped(err error) error { return fmt.Errorf("etcd: %w", err) }

// unanswered is that time was over, and what the cluster said until then.
func unanswered(ended, trouble error) error {
	switch {
	case trouble == nil:
		return fmt.Errorf("etcd: no answer: %w", ended)
	case errors.Is(trouble, ended):
		return fmt.Errorf("etcd: no answer: %w", trouble)
	}
	return fmt.Errorf("etcd: %w: %w", ended, trouble)
}

// wait is longer with every round, and never the same twice, so that those who
// collided do not do so again.
func wait(round int) time.Duration {
	return rand.N(min(firstWait<<min(round, 10), longestWait))
}

// pause waits before the round after this one.
func pause(ctx context.Context, round int) error {
	timer := time.NewTimer(wait(round))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lasting reports whether the same request would fail again: it was refused,
// not lost.
func lasting(err error) bool {
	if errors.Is(err, rpctypes.ErrInvalidAuthToken) || errors.Is(err, rpctypes.ErrAuthOldRevision) {
		return false // a token ends when it is old, or when users change; a wrong password is another error
	}
	switch code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.Internal, codes.Unknown:
		return false
	case codes.FailedPrecondition: // of a member that is not ready
		return false
	case codes.ResourceExhausted:
		return !errors.Is(err, rpctypes.ErrTooManyRequests)
	}
	return true
}

// code is that of gRPC. The client hides it in errors of its own.
func code(err error) codes.Code {
	if refused, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return refused.Code()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded
	}
	return status.Code(err)
}

// tooLarge reports whether the request has more bytes than the cluster takes.
func tooLarge(err error) bool {
	return errors.Is(err, rpctypes.ErrRequestTooLarge) ||
		code(err) == codes.ResourceExhausted && !errors.Is(err, rpctypes.ErrNoSpace) && !errors.Is(err, rpctypes.ErrTooManyRequests)
}
