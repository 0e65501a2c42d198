package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/lists"
	"originwarden/store"
)

func TestAdmin_AnswersGETOfWhatItHas(t *testing.T) {
	r := serving(t, t.TempDir(), oneTenant(upstream(t, hello)))
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		body         string // a part
	}{
		{"GET", "/metrics", nil, 200, "originwarden_build_info"},
		{"GET", "/healthz", nil, 200, `{"healthy":true}`},
		{"GET", "/readyz", nil, 200, `{"ready":true,"revision":0,"age":`},
		{"HEAD", "/readyz", nil, 200, ""},
		{"HEAD", "/metrics", nil, 200, ""},
		{"GET", "/readyz?verbose", nil, 200, `"ready":true`},
		{"GET", "/openapi.yaml", nil, 200, "openapi: 3.0.3"},
		{"POST", "/openapi.yaml", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"GET", "/", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", "/readyz/", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", "//readyz", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", "/%72eadyz", nil, 404, `"code":"NOT_FOUND"`},
		{"GET", collection, nil, 404, `"code":"NOT_FOUND"`},
		{"POST", "/nothing", nil, 404, `"code":"NOT_FOUND"`},
		{"POST", "/readyz", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"OPTIONS", "/metrics", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"DELETE", "/healthz", nil, 405, `"code":"METHOD_NOT_ALLOWED"`},
		{"GET", "/metrics", []string{"Origin: http://127.0.0.1"}, 403, `"code":"ORIGIN_REFUSED"`},
		{"GET", "/metrics", []string{"Origin: "}, 403, `"code":"ORIGIN_REFUSED"`},
		{"GET", "/nothing", []string{"Origin: null"}, 403, `"code":"ORIGIN_REFUSED"`},
		{"OPTIONS", "/readyz", []string{"Origin: http://a.example", "Access-Control-Request-Method: GET"}, 403, `"code":"ORIGIN_REFUSED"`},
	} {
		response, text := send(t, c.method, r.admin+c.path, "", c.headers...)
		if response.StatusCode != c.status || !strings.Contains(text, c.body) {
			t.Errorf("%s %s %q: %d %s", c.method, c.path, c.headers, response.StatusCode, text)
		}
		if allow := response.Header.Get("Allow"); (allow == "GET, HEAD") != (c.status == 405) {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, allow)
		}
		for name := range response.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s is sent", c.method, c.path, name)
			}
		}
	}
}

func TestAdmin_IsNotOnTheTenantsAddress(t *testing.T) {
	r := serving(t, t.TempDir(), oneTenant(upstream(t, hello)))
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if _, text := send(t, "GET", r.tenants+path, ""); text != "hello" {
			t.Errorf("%s is answered with %q, not by the tenant", path, text)
		}
	}
}

func TestReadiness_TellsTheRevisionInForce(t *testing.T) {
	dir := t.TempDir()
	r := serving(t, dir, oneTenant(upstream(t, hello)))
	token, err := os.ReadFile(filepath.Join(dir, adminTokenName))
	if err != nil {
		t.Fatal(err)
	}
	made, _ := send(t, "POST", r.tenants+collection, `{"name":"n"}`, "Authorization: Bearer "+strings.TrimSpace(string(token)), "Content-Type: application/json")
	want, _ := strconv.ParseUint(made.Header.Get("Web-Integrations-Revision"), 10, 64)
	var d readinessDocument
	for d.Revision < want && t.Context().Err() == nil { // the feed is behind the answer
		_, text := send(t, "GET", r.admin+"/readyz", "")
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
	}
	if !d.Ready || d.Revision != want || d.Age == nil || !d.Store.Up || d.Store.Identity == "" || d.Store.Revision != want {
		t.Errorf("got %+v, want revision %d", d, want)
	}
}

func TestReadiness_TellsWhatIsWrongWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var state lists.State
		var writes store.WriteStatus
		ready := newReadiness(func() lists.State { return state }, func() store.WriteStatus { return writes }, func() []upstreamDocument { return []upstreamDocument{{Tenant: "acme"}} })
		expect := func(name string, status int, want string) {
			t.Helper()
			recorder := httptest.NewRecorder()
			ready.ServeHTTP(recorder, httptest.NewRequest("GET", "/readyz", nil))
			if got := strings.TrimSpace(recorder.Body.String()); got != want || recorder.Code != status {
				t.Errorf("%s:\n got %d %s\nwant %d %s", name, recorder.Code, got, status, want)
			}
		}
		expect("at first", 503, `{"ready":false,"revision":0,"age":null,"problem":"starting","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.set("")
		expect("without lists", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: the store was not reached yet","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.noLists(errors.New("no route"))
		expect("without a way", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: the store was not reached yet","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.noLists(fmt.Errorf("etcd: %w: nothing is there", store.ErrMissing))
		expect("without anything in the store", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: etcd: there is no store: nothing is there","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		state = lists.State{Loaded: true, InForce: store.Position{Store: "one", Revision: 7}, Confirmed: time.Now(), Newest: 8, Up: true}
		expect("then", 200, `{"ready":true,"revision":7,"age":0,"store":{"up":true,"identity":"one","revision":8},"upstreams":[{"tenant":"acme","up":null}]}`)
		writes.Problem = &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errors.New("the disk is full")}
		expect("without writes", 200, `{"ready":true,"revision":7,"age":0,"problem":"no writes: the store has no space left: the disk is full","store":{"up":true,"identity":"one","revision":8,"write_problem":"no_space"},"upstreams":[{"tenant":"acme","up":null}]}`)
		writes.Problem = nil
		state.Up = false
		time.Sleep(5 * time.Second) // of the bubble's time
		expect("without the store", 200, `{"ready":true,"revision":7,"age":5,"problem":"the store does not answer","store":{"up":false,"identity":"one","revision":8},"upstreams":[{"tenant":"acme","up":null}]}`)
		state.Up, state.Reset = true, &store.ResetError{Known: state.InForce, Found: store.Position{Store: "two", Revision: 1}}
		expect("reset", 200, `{"ready":true,"revision":7,"age":5,"problem":"the store was reset: it is another one, at revision 1, than that known at revision 7","store":{"up":true,"identity":"one","revision":8,"reset":{"identity":"two","revision":1}},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.set("stopping")
		expect("in the end", 503, `{"ready":false,"revision":7,"age":5,"problem":"stopping","store":{"up":true,"identity":"one","revision":8,"reset":{"identity":"two","revision":1}},"upstreams":[{"tenant":"acme","up":null}]}`)
	})
}
