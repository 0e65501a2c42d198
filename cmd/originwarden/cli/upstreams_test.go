package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy"
)

// awaitUpstream asks /readyz until acme's upstream is as wanted.
func awaitUpstream(t *testing.T, r *running, up bool, cause string) {
	t.Helper()
	var text string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, text = send(t, "GET", r.admin+"/readyz", "")
		var d readinessDocument
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
}

func TestUpstreams_TellForAWhileWhatRequestsMet(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte("tenants:\n- {id: asked, upstream: 'http://up.example'}\n"+
		"- {id: unasked, hosts: [u.example], upstream: 'http://up.example'}\n"+
		"- {id: checked, hosts: [c.example], upstream: 'http://up.example', upstream_check: {path: /, interval: 5m, timeout: 5s}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var u upstreams
		u.watch(nil, cfg)
		for _, tenant := range []string{"asked", "checked"} {
			u.observe(&proxy.Exchange{Tenant: tenant, UpstreamCause: "reset"})
		}
		for _, notAsked := range []string{proxy.CauseClient, proxy.CauseLoop} {
			u.observe(&proxy.Exchange{Tenant: "unasked", UpstreamCause: notAsked})
		}
		for _, row := range []struct {
			after time.Duration
			tells int
		}{{0, 2}, {59 * time.Second, 2}, {time.Second, 1}, {9 * time.Minute, 1}, {time.Minute, 0}} {
			time.Sleep(row.after)
			u.watch(cfg, cfg) // a reload changes nothing about it
			if up := u.up(); len(up) != row.tells || up["asked"] || up["checked"] {
				t.Errorf("after another %v: %v", row.after, up)
			}
		}
	})
}
