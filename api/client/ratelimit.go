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

// maxAttempts bounds how often one call is made, whatever the server says.
const maxAttempts = 5

// patiently repeats an attempt that the rate limit has refused, which therefore
// did nothing, when the server says that it is lifted.
func (c *Client) patiently(ctx context.Context, attempt func() (answered, error)) (answered, error) {
	patience := cmp.Or(c.MaxWait, time.Minute)
	for attempts := 1; ; attempts++ {
		a, err := attempt()
		limited, ok := errors.AsType[*Error](err)
		if !ok || limited.Status != http.StatusTooManyRequests || limited.RetryAfter == 0 {
			return a, err
		}
		patience -= limited.RetryAfter
		if patience < 0 || attempts == maxAttempts || endsWithin(ctx, limited.RetryAfter) {
			return answered{}, err
		}
		if c.OnWait != nil {
			c.OnWait(limited.RetryAfter)
		}
		if ended := wait(ctx, limited.RetryAfter); ended != nil {
			return answered{}, fmt.Errorf("waiting for the rate limit to be lifted: %w", ended)
		}
	}
}

// endsWithin reports whether it is known that ctx ends before d is over.
func endsWithin(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= d
}

// wait returns after d, or with the error of ctx when that ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter returns how long after now a Retry-After (RFC 9110, section
// 10.2.3) of seconds or of a date is. A moment that has passed is a second
// away, so that nobody is asked in a loop; 0 is none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), time.Second)
	}
	return 0
}
