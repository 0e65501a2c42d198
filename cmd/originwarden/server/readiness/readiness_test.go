package readiness_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"originwarden/cmd/originwarden/server/readiness"
	"originwarden/cmd/originwarden/server/upstreams"
	"originwarden/lists"
	"originwarden/store"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadiness_ReportsStoreProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var state lists.State
		var writes store.WriteStatus
		ready := &readiness.State{Lists: func() lists.State { return state }, Writes: func() store.WriteStatus { return writes }, Upstreams: func() []upstreams.Status { return []upstreams.Status{{Tenant: "acme"}} }}
		expect := func(name string, status int, want string) {
			t.Helper()
			recorder := httptest.NewRecorder()
			ready.ServeHTTP(recorder, httptest.NewRequest("GET", "/readyz", nil))
			if got := strings.TrimSpace(recorder.Body.String()); got != want || recorder.Code != status {
				t.Errorf("%s:\n got %d %s\nwant %d %s", name, recorder.Code, got, status, want)
			}
		}
		expect("starting", 503, `{"ready":false,"revision":0,"age":null,"problem":"starting","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.SetServing()
		expect("no lists", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: the store was not reached yet","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.SetListsError(errors.New("no route"))
		expect("store unreachable at start", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: the store was not reached yet","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.SetListsError(fmt.Errorf("etcd: %w: nothing is there", store.ErrMissing))
		expect("store missing", 503, `{"ready":false,"revision":0,"age":null,"problem":"there are no lists: etcd: there is no store: nothing is there","store":{"up":false,"revision":0},"upstreams":[{"tenant":"acme","up":null}]}`)
		state = lists.State{Loaded: true, InForce: store.Position{Store: "one", Revision: 7}, Confirmed: time.Now(), Newest: 8, Up: true}
		expect("ready", 200, `{"ready":true,"revision":7,"age":0,"store":{"up":true,"identity":"one","revision":8},"upstreams":[{"tenant":"acme","up":null}]}`)
		writes.Problem = &store.WriteError{Cause: store.CauseNoSpace, NotMade: true, Err: errors.New("the disk is full")}
		expect("no space for writes", 200, `{"ready":true,"revision":7,"age":0,"problem":"no writes: the store has no space left: the disk is full","store":{"up":true,"identity":"one","revision":8,"writeProblem":"no_space"},"upstreams":[{"tenant":"acme","up":null}]}`)
		writes.Problem = nil
		state.Up = false
		time.Sleep(5 * time.Second)
		expect("store unreachable", 200, `{"ready":true,"revision":7,"age":5,"problem":"the store is unreachable","store":{"up":false,"identity":"one","revision":8},"upstreams":[{"tenant":"acme","up":null}]}`)
		state.Up, state.Reset = true, &store.ResetError{Known: state.InForce, Found: store.Position{Store: "two", Revision: 1}}
		expect("store reset", 200, `{"ready":true,"revision":7,"age":5,"problem":"the store was reset: it is a different store, at revision 1; the known one was at 7","store":{"up":true,"identity":"one","revision":8,"reset":{"identity":"two","revision":1}},"upstreams":[{"tenant":"acme","up":null}]}`)
		ready.SetStopping()
		expect("stopping", 503, `{"ready":false,"revision":7,"age":5,"problem":"stopping","store":{"up":true,"identity":"one","revision":8,"reset":{"identity":"two","revision":1}},"upstreams":[{"tenant":"acme","up":null}]}`)
	})
}

func TestReadiness_ReportsFailureToSaveLists(t *testing.T) {
	state := lists.State{Loaded: true, InForce: store.Position{Store: "one", Revision: 7}, Up: true}
	r := &readiness.State{Lists: func() lists.State { return state }, Writes: func() store.WriteStatus { return store.WriteStatus{} }, Upstreams: func() []upstreams.Status { return nil }}
	r.SetServing()
	expect := func(name, want string) {
		t.Helper()
		if d := r.Document(); d.Problem != want || !d.Ready {
			t.Errorf("%s: ready %t, problem %q, want true and %q", name, d.Ready, d.Problem, want)
		}
	}
	expect("no problem", "")
	state.NotKept = errors.New("no space left on device")
	expect("disk full", "saving the lists to disk failed: no space left on device")
	state.Up = false
	expect("disk full and store unreachable", "the store is unreachable; saving the lists to disk failed: no space left on device")
}
