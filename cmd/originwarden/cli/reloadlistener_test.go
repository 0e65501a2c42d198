package cli

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestReload_AppliesLimitsToNewConnections(t *testing.T) {
	up := startServer(t, hello)
	const before = "limits: {header_bytes: 64KiB}\ntimeouts: {read_header: 1h, idle: 1h}\n"
	longHeader := "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n"
	for _, c := range []struct{ rule, after, sent, status string }{
		{"limits.header_bytes", "limits: {header_bytes: 16KiB}\n", longHeader, "HTTP/1.1 431 "},
		{"timeouts.read_header", "timeouts: {read_header: 50ms}\n", "GET / HTTP/1.1\r\nX-", ""},
		{"timeouts.idle", "timeouts: {idle: 50ms}\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 "},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			tenants := "tenants: [{id: acme, upstream: '" + up + "'}]\n"
			r := startReloadable(t, tenants+before)
			r.replaceConfig(t, tenants+c.after)
			if response, text := r.reload(t); response.StatusCode != 200 || !strings.Contains(text, `"waitForRestart":[]`) {
				t.Fatalf("%d %s", response.StatusCode, text)
			}
			conn := dial(t, r.runningCommand)
			io.WriteString(conn, c.sent)
			if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), c.status) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestReload_KeepsUnaffectedClientConnections(t *testing.T) {
	tenants := "tenants: [{id: acme, upstream: '" + startServer(t, hello) + "'}]\n"
	r := startReloadable(t, tenants)
	conn := dial(t, r.runningCommand)
	responses := bufio.NewReader(conn)
	for _, after := range []string{"timeouts: {body_progress: 1h}\n", "limits: {url_bytes: 1KiB}\n", ""} {
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(responses, nil)
		if err != nil {
			t.Fatalf("before the reload of %q: %v", after, err)
		}
		io.Copy(io.Discard, response.Body)
		r.replaceConfig(t, tenants+after)
		r.reload(t)
	}
}

func TestReload_AppliesBodyProgressTimeoutToHTTP2(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 64<<10); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	files := ca.issue(t, dir, "localhost")
	configuration := tenantConfig(startServer(t, endless), fmt.Sprintf("tls: {cert: %q, key: %q}\n", files.Cert, files.Key))
	r := startReloadable(t, configuration+"timeouts: {body_progress: 1h, drain: 1s}\n")
	r.replaceConfig(t, configuration+"timeouts: {body_progress: 50ms, drain: 1s}\n")
	r.reload(t)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"), &tls.Config{RootCAs: ca.pool(), NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	requestWithoutReading(t, conn)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(testTimeout); ; {
		select {
		case <-timeout:
			t.Fatal("the connection is still open")
		case <-tick.C:
			if http2.NewFramer(conn, nil).WritePing(false, [8]byte{}) != nil { // the server has closed it
				return
			}
		}
	}
}

// requestWithoutReading sends a request over HTTP/2 with unlimited flow control
// windows, and does not read the response.
func requestWithoutReading(t *testing.T, conn io.Writer) {
	t.Helper()
	const most = 1<<31 - 1
	var header strings.Builder
	encoder := hpack.NewEncoder(&header)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/"}} {
		encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, nil)
	framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: most})
	framer.WriteWindowUpdate(0, most-1<<16)
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(header.String()), EndHeaders: true, EndStream: true}); err != nil {
		t.Fatal(err)
	}
}

func TestReload_KeepsUpstreamConnectionsWithUnchangedTLSFiles(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	m := startMutualTLSServer(t, ca, "http/1.1")
	r := startReloadable(t, fmt.Sprintf("tenants: [{id: acme, upstream: %q, upstream_tls: %s}]\n", m.URL, upstreamTLS(ca.writeSecret(t))))
	send(t, "GET", r.tenants, "")
	if response, text := r.reload(t); response.StatusCode != 200 {
		t.Fatal(text)
	}
	if response, text := send(t, "GET", r.tenants, ""); response.StatusCode != 200 {
		t.Fatal(text)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.states); n != 1 {
		t.Errorf("%d connections to the upstream, want 1", n)
	}
}
