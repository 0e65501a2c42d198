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

// awaitUpstream asks /readyz until acme's upstream is as wanted.
func awaitUpstream(t *testing.T, r *running, up bool, cause string) {
	t.Helper()
	var text string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, text = send(t, "GET", r.admin+"/readyz", "")
		var d readiness.Document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if u := d.Upstreams[0]; u.Tenant == "acme" && u.Up != nil && *u.Up == up && u.Cause == cause {
			return
		}
	}
	t.Errorf("the upstream is not up=%v %q: %s", up, cause, text)
}

func TestReadiness_TellsWhatRequestsMetAtTheUpstream(t *testing.T) {
	down := upstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	r := serving(t, t.TempDir(), oneTenant(down))
	if _, text := send(t, "GET", r.admin+"/readyz", ""); !strings.Contains(text, `"upstreams":[{"tenant":"acme","up":null}]`) {
		t.Errorf("at first: %s", text)
	}
	send(t, "GET", r.tenants+"/", "")
	awaitUpstream(t, r, false, "reset")
	_, metrics := send(t, "GET", r.admin+"/metrics", "")
	if !strings.Contains(metrics, `originwarden_upstream_up{tenant="acme"} 0`) {
		t.Error("the metrics do not tell")
	}
	if response, _ := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != 200 {
		t.Errorf("the gateway is not ready for that: %s", response.Status)
	}
}

func TestReadiness_TellsWhatChecksMetAtTheUpstream(t *testing.T) {
	var status atomic.Int32
	var asked atomic.Pointer[http.Request]
	status.Store(200)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		if status.Load() == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(int(status.Load()))
	})
	r := serving(t, t.TempDir(), "tenants: [{id: acme, hosts: [acme.example], upstream: '"+up+"', upstream_check: {path: '/health?x=1', interval: 1s}}]\n")
	awaitUpstream(t, r, true, "")
	if got := asked.Load(); got.Method != "GET" || got.RequestURI != "/health?x=1" || got.Host != "acme.example" {
		t.Errorf("asked was %s %s of %s", got.Method, got.RequestURI, got.Host)
	}
	status.Store(503)
	awaitUpstream(t, r, false, "status_503")
	status.Store(302)
	awaitUpstream(t, r, true, "")
	status.Store(0)
	awaitUpstream(t, r, false, "reset") // as a request would report it
}
