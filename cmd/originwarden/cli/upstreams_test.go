package cli

import (
	"encoding/json"
	"net/http"
	"strings"
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
