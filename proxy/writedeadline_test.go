package proxy_test

import (
	"net/http"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"

	"originwarden/proxy"
)

// A write ends at its deadline, also while it waits for the client. Over HTTP/2 the
// frame that resets the stream may be queued behind data that the client does not
// read.
func TestResponseWriter_EndsWriteAtDeadlineOverHTTP2(t *testing.T) {
	for rule, window := range map[string]uint32{
		"no flow control window": 1 << 10,
		"client reads nothing":   1<<31 - 1,
	} {
		took := make(chan time.Duration, 1)
		api := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			control := http.NewResponseController(rw)
			ended := make(chan time.Time)
			go func() {
				for piece := make([]byte, 1<<20); ; {
					if _, err := rw.Write(piece); err != nil {
						ended <- time.Now()
						return
					}
				}
			}()
			time.Sleep(3 * time.Second) // the write is blocked
			start := time.Now()
			control.SetWriteDeadline(time.Unix(1, 0))
			took <- (<-ended).Sub(start)
		})
		h := newHarness(t, options{protocol: http2, config: func(c *proxy.Config) { c.Tenants[0].API = api }})
		client := h.dialHTTP2()
		client.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: window})
		client.WriteWindowUpdate(0, 1<<30)
		block := headerBlockFor("/api/v1/web-integrations")
		client.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true})
		select {
		case got := <-took:
			if got > time.Second {
				t.Errorf("%s: write ended %v after its deadline, want at most 1s", rule, got)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: write did not end at its deadline", rule)
			client.conn.Close()
			<-took
		}
	}
}

// A client that reads nothing from its HTTP/2 connection loses it, with all streams, even
// if these have ended for the gateway.
func TestGateway_ClosesHTTP2ConnectionOfClientThatReadsNothing(t *testing.T) {
	ended := make(chan struct{}, 1)
	tenant := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		for piece := make([]byte, 1<<20); r.Context().Err() == nil; {
			if _, err := rw.Write(piece); err != nil {
				return
			}
		}
	})
	h := newHarness(t, options{protocol: http2, tenant: tenant, config: func(c *proxy.Config) { c.Timeouts.Progress = time.Second }})
	client := h.dialHTTP2()
	client.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 1<<31 - 1})
	client.WriteWindowUpdate(0, 1<<30)
	client.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlockFor("/large"), EndHeaders: true, EndStream: true})
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the request to the tenant goes on after 10 s")
	}
	limit := time.After(10 * time.Second)
	for client.WritePing(false, [8]byte{}) == nil { // fails after the connection is reset
		select {
		case <-time.After(50 * time.Millisecond):
		case <-limit:
			t.Fatal("the connection is open after 10 s")
		}
	}
}
