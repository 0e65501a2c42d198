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

// retryFailed retries an attempt that failed but may succeed later.
func (c *Client) retryFailed(ctx context.Context, method string, attempt func() (callResult, error)) (callResult, error) {
	interval := cmp.Or(c.RetryInterval, time.Second)
	for retries := 0; ; retries++ {
		r, err := attempt()
		if err == nil || retries >= c.Retries || endsWithin(ctx, interval) || !isRetryable(method, err) {
			return r, err
		}
		if c.OnRetry != nil {
			c.OnRetry(err)
		}
		if waitFor(ctx, interval) != nil {
			return r, err
		}
	}
}

// isRetryable reports whether a retry may succeed and does no harm. A POST that the
// server may have received is not retried: it would create another web integration.
func isRetryable(method string, err error) bool {
	if refused, ok := errors.AsType[*Error](err); ok {
		temporary := []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
		return method != http.MethodPost && slices.Contains(temporary, refused.Status)
	}
	if _, invalid := errors.AsType[*tls.CertificateVerificationError](err); invalid || errors.Is(err, context.Canceled) || errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "dial" {
		return true
	}
	_, noResponse := errors.AsType[*url.Error](err)
	return noResponse && method != http.MethodPost
}
