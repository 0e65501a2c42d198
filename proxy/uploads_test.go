package proxy_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"originwarden/proxy"
)

// respondAtRandom responds before, during or after the upload, echoes it, or aborts the
// response.
func respondAtRandom(rw http.ResponseWriter, r *http.Request) {
	switch rand.IntN(5) {
	case 0:
		rw.WriteHeader(http.StatusRequestEntityTooLarge)
	case 1:
		io.CopyN(io.Discard, r.Body, 1<<16)
		rw.Write(make([]byte, 1<<20))
	case 2:
		io.Copy(io.Discard, r.Body)
		io.WriteString(rw, "ok")
	case 3:
		io.Copy(rw, r.Body)
	default:
		panic(http.ErrAbortHandler)
	}
}

// Nothing of an exchange may be used after its end, no matter which side ends it and
// when.
func TestGateway_SurvivesUploadsAbortedAtAnyPoint(t *testing.T) {
	t.Parallel()
	const clients, uploadsPerClient = 16, 20
	body := make([]byte, 4<<20)
	for _, protocol := range protocols() {
		h := newHarness(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Timeouts.Progress, c.Timeouts.Response, c.BodyBytes = 20*time.Millisecond, 200*time.Millisecond, 3<<20
			c.Tenants[0].Upstream = startTenant(t, respondAtRandom)
			c.OnEnd = nil
		}})
		var uploads sync.WaitGroup
		for range clients {
			uploads.Go(func() {
				for range uploadsPerClient {
					h.uploadWithTimeout(body[:rand.IntN(len(body))], time.Duration(rand.IntN(60))*time.Millisecond)
				}
			})
		}
		uploads.Wait()
		if got := h.send(request("GET /", "Host: empty.example")); got.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d after the uploads, want 200", protocol, got.StatusCode)
		}
	}
}

// uploadWithTimeout posts body, with its length or chunked, and disconnects after the
// timeout.
func (h *harness) uploadWithTimeout(body []byte, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(h.t.Context(), timeout)
	defer cancel()
	r := h.newRequest("POST", "/").WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if rand.IntN(2) == 0 {
		r.ContentLength = -1
	}
	if res, err := h.gateway.Client().Do(r); err == nil {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}
