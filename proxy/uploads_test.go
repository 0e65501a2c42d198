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

// whimsical answers an upload before it, in the middle of it, after it, with it, or
// not at all.
func whimsical(rw http.ResponseWriter, r *http.Request) {
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

// Whoever ends an exchange, and whenever: nothing of it is used afterwards.
func TestGateway_OutlivesUploadsThatEndAnywhere(t *testing.T) {
	const clients, each = 16, 20
	body := make([]byte, 4<<20)
	for _, protocol := range protocols() {
		w := newWorld(t, options{protocol: protocol, config: func(c *proxy.Config) {
			c.Timeouts.Progress, c.Timeouts.Response, c.BodyBytes = 20*time.Millisecond, 200*time.Millisecond, 3<<20
			c.Tenants[0].Upstream = tenantThatReadsNoBody(t, whimsical)
			c.OnEnd = nil
		}})
		var uploads sync.WaitGroup
		for range clients {
			uploads.Go(func() {
				for range each {
					w.upload(body[:rand.IntN(len(body))], time.Duration(rand.IntN(60))*time.Millisecond)
				}
			})
		}
		uploads.Wait()
		if got := w.send(request("GET /", "Host: empty.example")); got.StatusCode != http.StatusOK {
			t.Errorf("%s: then %d", protocol, got.StatusCode)
		}
	}
}

// upload posts body, by its length or in chunks, and leaves after a while.
func (w *world) upload(body []byte, patience time.Duration) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r := w.newRequest("POST", "/").WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if rand.IntN(2) == 0 {
		r.ContentLength = -1
	}
	if res, err := w.gateway.Client().Do(r); err == nil {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}
