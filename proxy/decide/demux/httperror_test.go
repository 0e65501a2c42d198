package demux_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"originwarden/proxy/decide/demux"
)

// logged is what a Server writes to its log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A request that is no call, on a connection of gRPC, is reported with its client, once for
// the connection. Calls are not, whatever becomes of them.
func TestServer_ReportsRequestsThatAreNoCalls(t *testing.T) {
	t.Parallel()
	long := grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return stream.SendMsg(&healthv1.HealthListResponse{Statuses: map[string]*healthv1.HealthCheckResponse{string(make([]byte, 20_001)): nil}})
	})
	forEachListener(t, func(t *testing.T, o options) {
		var logged logged
		o.calls = []grpc.ServerOption{long, grpc.WriteBufferSize(11)} // a write ends anywhere in frames
		o.change = func(s *demux.Server) { s.HTTP.ErrorLog = log.New(&logged, "", 0) }
		d := start(t, o)
		unknown, compressed := with(askHealth, ":path", "/a/b"), with(askHealth, "grpc-encoding", "x")
		for rule, row := range map[string]struct {
			sent    [][]string
			reports bool
		}{
			"calls":                  {[][]string{askHealth, unknown, compressed, askHealth}, false},
			"HTTP first":             {[][]string{get("/decide"), get("/decide")}, false},
			"HTTP after a call":      {[][]string{askHealth, get("/decide")}, true},
			"HTTP twice":             {[][]string{askHealth, get("/decide"), get("/decide"), askHealth, get("/decide")}, true},
			"after a long response":  {[][]string{unknown, get("/decide")}, true},
			"another content type":   {[][]string{askHealth, with(askHealth, "content-type", "text/plain")}, true},
			"another method":         {[][]string{askHealth, with(askHealth, ":method", "PUT")}, true},
			"two hosts":              {[][]string{askHealth, with(askHealth, "host", "b") /* gRPC drops it */, askHealth}, false},
			"a timeout that is none": {[][]string{askHealth, with(askHealth, "grpc-timeout", "x")}, true},
		} {
			for _, table := range []uint32{4096, 0} { // of HPACK
				c := d.dial()
				c.Write([]byte(http2.ClientPreface))
				c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: table})
				c.WriteWindowUpdate(0, 1<<30)
				for _, fields := range row.sent {
					c.send(fields)
					if got := c.receive(); strings.Contains(got, "closed") {
						t.Fatalf("%s: %s", rule, got)
					}
				}
				report := fmt.Sprintf("a request from %v is no call of gRPC, and got an HTTP error", c.LocalAddr())
				if got, want := strings.Count(logged.String(), report), map[bool]int{true: 1}[row.reports]; got != want {
					t.Errorf("%s, table of %d bytes: %d reports, want %d", rule, table, got, want)
				}
			}
		}
	})
}
