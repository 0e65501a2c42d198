package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"originwarden/api"
)

// errorLog collects the errors that an API logs.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorLog) log(_ context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.errs)
}

func TestIssuer_DownAtStartDoesNotAffectStaticTokens(t *testing.T) {
	i := newTestIssuer(t)
	i.setHandler(closeConnection)
	synctest.Test(t, func(t *testing.T) {
		config, log := i.config(), &errorLog{}
		config.Log = log.log
		config.Auth.RateLimits.Failed = 1
		acme := api.New(config).Tenant("acme")
		readRequest.expectStatuses(t, acme, 200)
		for range 10 { // not counted as failed authentication
			got := i.readRequest(t).sendTo(t, acme)
			if got.status != 503 || got.problems(t) != "ISSUER_UNAVAILABLE" || got.header.Get("Retry-After") != "5" {
				t.Errorf("status %d, headers %v: %s", got.status, got.header, got.body)
			}
		}
		if i.calls() != 1 || log.len() != 1 {
			t.Errorf("%d requests to the issuer and %d errors logged, want 1 and 1", i.calls(), log.len())
		}
		i.setHandler(nil)
		time.Sleep(5*time.Second - time.Millisecond)
		i.readRequest(t).expectStatuses(t, acme, 503)
		time.Sleep(time.Millisecond)
		i.readRequest(t).expectStatuses(t, acme, 200)
		readRequest.expectStatuses(t, acme, 200)
	})
}

func TestIssuer_UnreachableReturns503(t *testing.T) {
	i := newTestIssuer(t)
	i.url = "http://127.0.0.1:1"
	acme := i.api()
	i.readRequest(t).expectStatuses(t, acme, 503)
	readRequest.expectStatuses(t, acme, 200)
}

func TestIssuer_DownLaterKeepsKnownKeys(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		config, log := i.config(), &errorLog{}
		config.Log = log.log
		acme := api.New(config).Tenant("acme")
		i.readRequest(t).expectStatuses(t, acme, 200)
		i.setHandler(closeConnection)
		for hour := range 24 {
			time.Sleep(time.Hour)
			i.readRequest(t).expectStatuses(t, acme, 200, 200)
			if log.len() != hour+1 {
				t.Errorf("after %d hours: %d errors logged", hour+1, log.len())
			}
		}
		// Whether the issuer has this key is unknown.
		request{path: collection, token: signToken(t, newES256Key(t, "second"), i.claims(nil), nil)}.expectStatuses(t, acme, 503)
		i.rotate(newES256Key(t, "third"))
		i.setHandler(nil)
		i.readRequest(t).expectStatuses(t, acme, 503) // less than a minute after the last fetch
		time.Sleep(time.Minute)
		i.readRequest(t).expectStatuses(t, acme, 200)
	})
}

func TestIssuer_InvalidResponsesReturn503(t *testing.T) {
	i := newTestIssuer(t)
	writeDiscovery := func(w http.ResponseWriter, issuer, keys string) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": keys})
	}
	for _, tt := range []struct {
		rule, logged string
		serve        http.HandlerFunc
	}{
		{"error status", "500", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); i.publish(w, r) }},
		{"not JSON", "not a valid JSON object", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }},
		{"another issuer", "that of another issuer", func(w http.ResponseWriter, _ *http.Request) { writeDiscovery(w, "https://evil.example", i.url+"/keys") }},
		{"no jwks_uri", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { writeDiscovery(w, i.url, "") }},
		{"jwks_uri with http", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { writeDiscovery(w, i.url, "http://keys.example/") }},
		{"jwks_uri with file", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { writeDiscovery(w, i.url, "file:///etc/keys") }},
		{"a redirect", "302", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" || r.URL.Path == "/keys" {
				i.publish(w, r)
				return
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}},
		{"endless body", "too large", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 1<<16))
			}
		}},
		{"too long header", "header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			i.publish(w, r)
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			i.setHandler(tt.serve)
			i.expectUnavailable(t, tt.logged)
		})
	}
}

// expectUnavailable checks that a new API returns 503 for tokens of the issuer, and
// what it logs.
func (i *testIssuer) expectUnavailable(t *testing.T, logged string) {
	t.Helper()
	config, log := i.config(), &errorLog{}
	config.Log = log.log
	acme := api.New(config).Tenant("acme")
	i.readRequest(t).expectStatuses(t, acme, 503)
	readRequest.expectStatuses(t, acme, 200)
	if log.len() != 1 || !strings.Contains(log.errs[0].Error(), logged) {
		t.Errorf("logged %v, want %q", log.errs, logged)
	}
}

func TestIssuer_ErrorsDoNotQuoteResponses(t *testing.T) {
	i := newTestIssuer(t)
	rawResponse := func(response string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, response)
			conn.Close()
		}
	}
	for _, response := range []string{
		"HTTP/1.1 500 s3cr3t\r\n\r\ns3cr3t", "HTTP/1.1 200 OK\r\n\r\ns3cr3t", "s3cr3t\r\n\r\n", "HTTP/1.1 s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie s3cr3t\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cr3t\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n" + `{"issuer":"s3cr3t"}`, "HTTP/1.1 200 OK\r\n\r\n" + `{"s3cr3t":1,"s3cr3t":1}`,
		"HTTP/1.1 200 OK\r\n\r\n" + `{"issuer":"` + i.url + `","jwks_uri":"http://s3cr3t.example"}`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nSet-Cookie s3cr3t\r\n\r\n",
	} {
		i.setHandler(rawResponse(response))
		config, log := i.config(), &errorLog{}
		config.Log = log.log
		i.readRequest(t).expectStatuses(t, api.New(config).Tenant("acme"), 503)
		if log.len() != 1 || strings.Contains(log.errs[0].Error(), "s3cr3t") {
			t.Errorf("response %q: logged %v", response, log.errs)
		}
	}
}

func TestIssuer_RequiresHTTPSOrLoopback(t *testing.T) {
	for _, url := range []string{"http://issuer.example", "http://192.0.2.1", "ftp://127.0.0.1", "issuer", "https://%zz"} {
		i := newTestIssuer(t)
		i.url = url
		i.expectUnavailable(t, "the issuer is neither https nor on this machine")
	}
}

func TestIssuer_IgnoresProxyEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	i := newTestIssuer(t)
	i.readRequest(t).expectStatuses(t, i.api(), 200)
}

// blockResponses makes the issuer respond only after answer is called, or the test
// has ended. Each request to the issuer sends to asked.
func (i *testIssuer) blockResponses(t testing.TB) (asked <-chan struct{}, answer func()) {
	began, release := make(chan struct{}, 100), make(chan struct{})
	answer = sync.OnceFunc(func() { close(release) })
	t.Cleanup(answer)
	i.setHandler(func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-release
		i.publish(w, r)
	})
	return began, answer
}

func TestIssuer_SlowResponseDelaysOnlyTokensThatNeedIt(t *testing.T) {
	i := newTestIssuer(t)
	asked, answer := i.blockResponses(t)
	acme := i.api()
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() { i.readRequest(t).expectStatuses(t, acme, 200) })
	}
	<-asked
	for range 20 {
		readRequest.expectStatuses(t, acme, 200)
		failingRequest.expectStatuses(t, acme, 401)
	}
	answer()
	waiting.Wait()
	if i.fetches() != 1 {
		t.Errorf("%d fetches for 20 tokens at once, want 1", i.fetches())
	}
}

func TestIssuer_SlowResponseDoesNotDelayTokensWithKnownKey(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	known, late := i.readRequest(t), i.readRequest(t)
	known.expectStatuses(t, acme, 200)
	first := i.keys[0]
	i.rotate(newES256Key(t, "second"), first)
	asked, answer := i.blockResponses(t)
	var waiting sync.WaitGroup
	waiting.Go(func() { i.readRequest(t).expectStatuses(t, acme, 200) })
	<-asked
	known.expectStatuses(t, acme, 200)
	late.expectStatuses(t, acme, 200)
	answer()
	waiting.Wait()
}

func TestIssuer_LeaksNoGoroutines(t *testing.T) {
	i := newTestIssuer(t)
	before := goleak.IgnoreCurrent()
	i.readRequest(t).expectStatuses(t, i.api(), 200)
	i.setHandler(closeConnection)
	i.readRequest(t).expectStatuses(t, i.api(), 503)
	goleak.VerifyNone(t, before)
}

func TestIssuer_RequestTimesOut(t *testing.T) {
	i := newTestIssuer(t)
	i.blockResponses(t)
	begin := time.Now()
	i.readRequest(t).expectStatuses(t, i.api(), 503)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the request took %v, want at most 20s", took)
	}
}

func TestAccessToken_ClientDisconnectDoesNotCancelSharedFetch(t *testing.T) {
	i := newTestIssuer(t)
	asked, answer := i.blockResponses(t)
	acme := i.api()
	ctx, hangUp := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		serve(t, acme, i.readRequest(t).build(t, "http://acme.example").WithContext(ctx))
	})
	<-asked
	hangUp()
	waiting.Go(func() { i.readRequest(t).expectStatuses(t, acme, 200) })
	answer()
	waiting.Wait()
	if i.fetches() != 1 {
		t.Errorf("%d fetches, want 1", i.fetches())
	}
}
