package load_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"originwarden/bench/load"
)

// newTarget returns a target with a server that responds with what respond writes.
func newTarget(t *testing.T, respond http.HandlerFunc) load.Target {
	t.Helper()
	server := httptest.NewServer(respond)
	t.Cleanup(server.Close)
	return load.Target{
		Address: server.Listener.Addr().String(), HostFormat: "h%d.example", HostCount: 3,
		Request: load.Request{
			Method: http.MethodPost, Path: "/", Header: []string{"Origin: https://a.example"}, Body: "12345",
			Status: http.StatusOK, Size: 4, ShowsOrigin: true,
		},
	}
}

// respondWell responds to the requests of newTarget as they want it.
func respondWell(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if string(body) != "12345" || !strings.HasSuffix(r.Host, ".example") || r.Header.Get("Origin") == "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	w.Header().Set("Access-Control-Allow-Origin", "https://a.example")
	fmt.Fprint(w, "body")
}

func TestSendAtRate_SendsAsManyAsAreDue(t *testing.T) {
	skipElsewhere(t)
	result, err := load.SendAtRate(t.Context(), newTarget(t, respondWell), 500, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if result.Requests != 250 || result.Took < 400*time.Millisecond || result.P50 <= 0 || result.Longest < result.P99 || result.P99 < result.P50 {
		t.Errorf("%+v", result)
	}
}

// Every connection waits from the first request on, so that most requests are due long
// before they are sent.
func TestSendAtRate_CountsTheTimeUntilAConnectionIsFree(t *testing.T) {
	skipElsewhere(t)
	released := make(chan struct{})
	timer := time.AfterFunc(200*time.Millisecond, func() { close(released) })
	defer timer.Stop()
	target := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		<-released
		respondWell(w, r)
	})
	result, err := load.SendAtRate(t.Context(), target, 2000, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	// Those from before the release, of all 1,000, are about 400.
	if result.Slow < 2*load.Connections {
		t.Errorf("%d slow responses, want more than there are connections: %+v", result.Slow, result)
	}
}

func TestLoads_FailOnWrongResponses(t *testing.T) {
	skipElsewhere(t)
	tests := []struct {
		name    string
		respond http.HandlerFunc
		want    string
	}{
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "want status 200"},
		{"length", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "longer") }, "body of 6 bytes, want 4"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			fmt.Fprint(w, "bo")
		}, "unexpected EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := newTarget(t, test.respond)
			if _, err := load.SendAtRate(t.Context(), target, 100, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("at a rate: error %v, want %q", err, test.want)
			}
			if _, err := (load.Driver{}).Saturate(t.Context(), target, 100*time.Millisecond); err == nil {
				t.Error("saturating: no error")
			}
		})
	}
}

func TestSaturate_RequiresTheHeaderThatShowsTheOrigin(t *testing.T) {
	target := newTarget(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") })
	_, err := load.Driver{}.Saturate(t.Context(), target, 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "Access-Control-Allow-Origin") {
		t.Errorf("error %v", err)
	}
	target.Request.ShowsOrigin = false
	result, err := load.Driver{}.Saturate(t.Context(), target, 100*time.Millisecond)
	if err != nil || result.Requests == 0 {
		t.Errorf("error %v, %+v", err, result)
	}
}

func skipElsewhere(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
}
