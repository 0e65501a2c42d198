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
	// A member that does not answer, but is not known to be gone, is given a
	// third of the time that is left, so that another one can be asked.
	patienceShare = 3
	leastPatience = 100 * time.Millisecond
	mostPatience  = 5 * time.Second

	firstWait   = 5 * time.Millisecond
	longestWait = 200 * time.Millisecond
)

// request is one transaction.
type request struct {
	when []clientv3.Cmp
	then []clientv3.Op
}

// send makes the request once. After an error it may have happened, or still
// happen, unless it is lasting.
func (s *Store) send(ctx context.Context, r request) (*clientv3.TxnResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience(ctx))
	defer cancel()
	return s.client.Txn(ctx).If(r.when...).Then(r.then...).Commit()
}

// ask makes a request that may happen several times, until it is answered.
func (s *Store) ask(ctx context.Context, r request) (*clientv3.TxnResponse, error) {
	var trouble error
	for round := 0; ; round++ {
		answer, err := s.send(ctx, r)
		if err == nil {
			return answer, nil
		}
		trouble = telling(trouble, err)
		if err := goOn(ctx, round, trouble); err != nil {
			return nil, err
		}
	}
}

// telling returns the one of two errors that says more than that time was over.
func telling(earlier, err error) error {
	if earlier != nil && errors.Is(err, context.DeadlineExceeded) {
		return earlier
	}
	return err
}

func patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return mostPatience
	}
	return min(max(time.Until(deadline)/patienceShare, leastPatience), mostPatience)
}

// goOn waits before the next attempt after an error, or returns the error with
// which to stop: that of ctx, and what the cluster said.
func goOn(ctx context.Context, round int, err error) error {
	if ctx.Err() == nil && lasting(err) {
		return fmt.Errorf("etcd: %w", err)
	}
	switch ended := pause(ctx, round); {
	case ended == nil:
		return nil
	case errors.Is(err, ended):
		return fmt.Errorf("etcd: no answer: %w", err)
	default:
		return fmt.Errorf("etcd: %w: %w", ended, err)
	}
}

// pause waits longer with every round, and never the same time twice, so that
// those who collided do not do so again.
func pause(ctx context.Context, round int) error {
	longest := min(firstWait<<min(round, 10), longestWait)
	timer := time.NewTimer(rand.N(longest))
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
