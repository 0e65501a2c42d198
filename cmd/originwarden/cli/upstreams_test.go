package cli

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"originwarden/cmd/originwarden/server/readiness"
)

// awaitUpstream waits until /readyz reports this state of acme's upstream.
func awaitUpstream(t *testing.T, r *runningCommand, up bool, cause string) {
	t.Helper()
	var text string
	for end := time.Now().Add(testTimeout); time.Now().Before(end); {
		_, text = send(t, "GET", r.admin+"/readyz", "")
		var d readiness.Document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if u := d.Upstreams[0]; u.Tenant == "acme" && u.Up != nil && *u.Up == up && u.Cause == cause {
			return
		}
	}
	t.Errorf("readiness %s, want upstream up=%v, cause %q", text, up, cause)
}

func TestReadiness_ReportsUpstreamFailuresOfRequests(t *testing.T) {
	down := startServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	r := startGateway(t, t.TempDir(), tenantConfig(down))
	if _, text := send(t, "GET", r.admin+"/readyz", ""); !strings.Contains(text, `"upstreams":[{"tenant":"acme","up":null}]`) {
		t.Errorf("before any request: %s", text)
	}
	send(t, "GET", r.tenants+"/", "")
	awaitUpstream(t, r, false, "reset")
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_upstream_up{tenant="acme"} 0`) {
		t.Error("metrics lack the state of the upstream")
	}
	if response, _ := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != 200 {
		t.Errorf("gateway is not ready: %s", response.Status)
	}
}

func TestReadiness_ReportsUpstreamChecks(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	var last atomic.Pointer[http.Request]
	status.Store(200)
	up := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		last.Store(r)
		if status.Load() == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(int(status.Load()))
	})
	r := startGateway(t, t.TempDir(), "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"', upstream_check: {path: '/health?x=1', interval: 1s}}]\n")
	awaitUpstream(t, r, true, "")
	if got := last.Load(); got.Method != "GET" || got.RequestURI != "/health?x=1" || got.Host != "acme.example" {
		t.Errorf("got check %s %s for host %s", got.Method, got.RequestURI, got.Host)
	}
	status.Store(503)
	awaitUpstream(t, r, false, "status_503")
	status.Store(302)
	awaitUpstream(t, r, true, "")
	status.Store(0)
	awaitUpstream(t, r, false, "reset") // the same cause as for a request
}

// newKind starts a server of a kind of upstream, and returns its URL. What it was sent is
// in seen: the protocol, the target and the host.
func newKind(t *testing.T, kind string) (url string, stop func(), seen func(path string) string) {
	t.Helper()
	var mu sync.Mutex
	last := map[string]string{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		last[r.URL.Path] = r.Proto + " " + r.RequestURI + " " + r.Host
		io.WriteString(w, "hello")
	}))
	t.Cleanup(server.Close)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(kind != "h2c")
	server.Config.Protocols.SetUnencryptedHTTP2(kind == "h2c")
	url = kind + "://" + server.Listener.Addr().String()
	if kind == "unix" {
		dir, err := os.MkdirTemp("", "ow") // a short path
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		server.Listener.Close()
		if server.Listener, err = net.Listen("unix", filepath.Join(dir, "app.sock")); err != nil {
			t.Fatal(err)
		}
		url = "unix:" + server.Listener.Addr().String()
	}
	server.Start()
	return url, server.Close, func(path string) string {
		mu.Lock()
		defer mu.Unlock()
		return last[path]
	}
}

func TestServe_ForwardsToAndChecksEachKindOfUpstream(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ kind, prefix, protocol string }{
		{"http", "", "HTTP/1.1"}, {"http", "/base", "HTTP/1.1"}, {"h2c", "", "HTTP/2.0"}, {"h2c", "/base", "HTTP/2.0"}, {"unix", "", "HTTP/1.1"},
	} {
		url, stop, seen := newKind(t, row.kind)
		configuration := func(host string) string {
			return "tenants: [{id: acme, hosts: [acme.example], upstream: '" + url + row.prefix + "', upstream_host: " + host + ", upstream_check: {path: /health, interval: 1s}}]\n"
		}
		r := startReloadable(t, configuration("client"))
		own := strings.TrimPrefix(url, row.kind+"://")
		if row.kind == "unix" {
			own = "localhost"
		}
		for _, host := range []string{"client", "upstream"} {
			want := map[string]string{"client": "acme.example", "upstream": own}[host]
			r.replaceConfig(t, configuration(host))
			if response, text := r.reload(t); response.StatusCode != 200 {
				t.Fatalf("reload: %s", text)
			}
			awaitUpstream(t, r.runningCommand, true, "")
			if _, text := send(t, "GET", r.tenants+"/x?y", "", "Host: acme.example"); text != "hello" {
				t.Errorf("%+v: response %q", row, text)
			}
			for path, target := range map[string]string{"/x": "/x?y", "/health": "/health"} {
				want := row.protocol + " " + row.prefix + target + " " + want
				if got := awaitSeen(seen, row.prefix+path, want); got != want {
					t.Errorf("%+v, host of %s: the upstream got %q, want %q", row, host, got, want)
				}
			}
		}
		stop()
		awaitUpstream(t, r.runningCommand, false, "connect")
	}
}

// awaitSeen waits until the last request for a path was as wanted, and returns it.
func awaitSeen(seen func(string) string, path, want string) (got string) {
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got = seen(path); got == want {
			break
		}
	}
	return got
}
