package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// persistently repeats an attempt of a method whose failure may pass.
func (c *Client) persistently(ctx context.Context, method string, attempt func() (answered, error)) (answered, error) {
	interval := cmp.Or(c.RetryInterval, time.Second)
	for repeated := 0; ; repeated++ {
		a, err := attempt()
		if err == nil || repeated >= c.Retries || endsWithin(ctx, interval) || !mayPass(method, err) {
			return a, err
		}
		if c.OnRetry != nil {
			c.OnRetry(err)
		}
		if wait(ctx, interval) != nil {
			return a, err
		}
	}
}

// mayPass reports whether a repetition may succeed and does no harm. A POST that
// the server may have seen is not repeated: it would make a second one.
func mayPass(method string, err error) bool {
	if refused, ok := errors.AsType[*Error](err); ok {
		passing := []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
		return method != http.MethodPost && slices.Contains(passing, refused.Status)
	}
	if _, wrong := errors.AsType[*tls.CertificateVerificationError](err); wrong || errors.Is(err, context.Canceled) || errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "dial" {
		return true
	}
	_, unanswered := errors.AsType[*url.Error](err)
	return unanswered && method != http.MethodPost
}
