package proxy_test

import (
	"net/http"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"

	"originwarden/proxy"
)

// A deadline for a write ends it at once, whatever it is that the client does not
// take: over HTTP/2 the frame that says so may be behind what waits already.
func TestAnswer_EndsAtItsDeadlineOverHTTP2(t *testing.T) {
	for rule, window := range map[string]uint32{
		"the client gives no window": 1 << 10,
		"the client reads nothing":   1<<31 - 1,
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
			time.Sleep(3 * time.Second) // so long a write has not moved
			begun := time.Now()
			control.SetWriteDeadline(time.Unix(1, 0))
			took <- (<-ended).Sub(begun)
		})
		w := newWorld(t, options{protocol: http2, config: func(c *proxy.Config) { c.Tenants[0].API = api }})
		a := w.speak()
		a.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: window})
		a.WriteWindowUpdate(0, 1<<30)
		block := headersTo("/api/v1/web-integrations")
		a.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true})
		select {
		case got := <-took:
			if got > time.Second {
				t.Errorf("%s: the write ended %v after its deadline", rule, got)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the write has not ended", rule)
			a.conn.Close()
			<-took
		}
	}
}
