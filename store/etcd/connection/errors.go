package connection

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	minRetryDelay = 5 * time.Millisecond
	maxRetryDelay = 200 * time.Millisecond
)

// retryDelay grows with every round. It is random, so that requests that
// collided do not collide again.
func retryDelay(round int) time.Duration {
	return rand.N(min(minRetryDelay<<min(round, 10), maxRetryDelay))
}

// WaitRetry waits before the round after this one. It returns the error of ctx.
func WaitRetry(ctx context.Context, round int) error {
	select {
	case <-time.After(retryDelay(round)):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// IsFinal reports whether the same request would fail again: it was refused, not
// lost.
func IsFinal(err error) bool {
	if errors.Is(err, rpctypes.ErrInvalidAuthToken) || errors.Is(err, rpctypes.ErrAuthOldRevision) {
		return false // a token expires, or users change; a wrong password is another error
	}
	switch Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.Internal, codes.Unknown,
		codes.FailedPrecondition: // the member is not ready
		return false
	case codes.ResourceExhausted:
		return !errors.Is(err, rpctypes.ErrTooManyRequests)
	}
	return true
}

// Code returns the gRPC code of err, which may be an error of the etcd client.
func Code(err error) codes.Code {
	if refused, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return refused.Code()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded
	}
	return status.Code(err)
}

// IsTooLarge reports whether the request exceeds the cluster's limit of bytes or of
// operations.
func IsTooLarge(err error) bool {
	return errors.Is(err, rpctypes.ErrRequestTooLarge) || errors.Is(err, rpctypes.ErrTooManyOps) ||
		Code(err) == codes.ResourceExhausted && !errors.Is(err, rpctypes.ErrNoSpace) && !errors.Is(err, rpctypes.ErrTooManyRequests)
}
