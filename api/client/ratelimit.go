package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxAttempts bounds how often one call is made because of rate limits.
const maxAttempts = 5

// retryLimited retries an attempt that the rate limit refused, when the server
// says that the limit is lifted.
func (c *Client) retryLimited(ctx context.Context, attempt func() (callResult, error)) (callResult, error) {
	left := cmp.Or(c.MaxWait, time.Minute)
	for attempts := 1; ; attempts++ {
		r, err := attempt()
		limited, ok := errors.AsType[*Error](err)
		if !ok || limited.Status != http.StatusTooManyRequests || limited.RetryAfter == 0 {
			return r, err
		}
		left -= limited.RetryAfter
		if left < 0 || attempts == maxAttempts || endsWithin(ctx, limited.RetryAfter) {
			return callResult{}, err
		}
		if c.OnWait != nil {
			c.OnWait(limited.RetryAfter)
		}
		if err := waitFor(ctx, limited.RetryAfter); err != nil {
			return callResult{}, fmt.Errorf("waiting for the rate limit to be lifted: %w", err)
		}
	}
}

// endsWithin reports whether ctx has a deadline within d.
func endsWithin(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= d
}

// waitFor returns after d, or with the error of ctx when that ends.
func waitFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter returns how long after now a Retry-After is (RFC 9110, section
// 10.2.3), in seconds or as a date, and 0 if there is none. A date in the past is
// a second away, so that no server is asked in a busy loop.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), time.Second)
	}
	return 0
}
