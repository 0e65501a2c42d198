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

// told are the errors that an API logs.
type told struct {
	mu   sync.Mutex
	errs []error
}

func (l *told) log(_ context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *told) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.errs)
}

func TestIssuer_ThatIsDownAtTheStartStopsNothingElse(t *testing.T) {
	i := newIdentity(t)
	i.answers(down)
	synctest.Test(t, func(t *testing.T) {
		config, log := i.config(), &told{}
		config.Log = log.log
		config.Auth.RateLimits.Failed = 1
		acme := api.New(config).Tenant("acme")
		reads.expect(t, acme, 200)
		for range 10 { // which is no failure of those who ask
			got := i.with(t).to(t, acme)
			if got.status != 503 || got.problems(t) != "ISSUER_UNAVAILABLE" || got.header.Get("Retry-After") != "5" {
				t.Errorf("%d %v %s", got.status, got.header, got.body)
			}
		}
		if i.calls() != 1 || log.len() != 1 {
			t.Errorf("it was asked %d times, and %d failures were logged", i.calls(), log.len())
		}
		i.answers(nil)
		time.Sleep(5*time.Second - time.Millisecond)
		i.with(t).expect(t, acme, 503)
		time.Sleep(time.Millisecond)
		i.with(t).expect(t, acme, 200)
		reads.expect(t, acme, 200)
	})
}

func TestIssuer_ThatIsNotThereAtAll(t *testing.T) {
	i := newIdentity(t)
	i.url = "http://127.0.0.1:1"
	acme := i.api()
	i.with(t).expect(t, acme, 503)
	reads.expect(t, acme, 200)
}

func TestIssuer_ThatIsDownLaterLeavesItsKeys(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		config, log := i.config(), &told{}
		config.Log = log.log
		acme := api.New(config).Tenant("acme")
		i.with(t).expect(t, acme, 200)
		i.answers(down)
		for hour := range 24 {
			time.Sleep(time.Hour)
			i.with(t).expect(t, acme, 200, 200)
			if log.len() != hour+1 {
				t.Errorf("after %d hours: %d failures were logged", hour+1, log.len())
			}
		}
		// Nobody can say whether its key is one of the issuer's.
		request{path: collection, token: signed(t, ellipticKey(t, "second"), i.claims(nil), nil)}.expect(t, acme, 503)
		i.rotate(ellipticKey(t, "third"))
		i.answers(nil)
		i.with(t).expect(t, acme, 503) // less than a minute after it was asked
		time.Sleep(time.Minute)
		i.with(t).expect(t, acme, 200)
	})
}

func TestIssuer_WhoseAnswersAreNoneIsDown(t *testing.T) {
	i := newIdentity(t)
	say := func(w http.ResponseWriter, issuer, keys string) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": keys})
	}
	for _, tt := range []struct {
		rule, logged string
		serve        http.HandlerFunc
	}{
		{"an error", "500", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); i.publish(w, r) }},
		{"no JSON", "not a valid JSON object", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }},
		{"another issuer", "that of another issuer", func(w http.ResponseWriter, _ *http.Request) { say(w, "https://evil.example", i.url+"/keys") }},
		{"no place of keys", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { say(w, i.url, "") }},
		{"keys over http", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { say(w, i.url, "http://keys.example/") }},
		{"keys in a file", "jwks_uri is neither", func(w http.ResponseWriter, _ *http.Request) { say(w, i.url, "file:///etc/keys") }},
		{"a redirect", "302", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" || r.URL.Path == "/keys" {
				i.publish(w, r)
				return
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}},
		{"a body without end", "too large", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 1<<16))
			}
		}},
		{"a header without end", "header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			i.publish(w, r)
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			i.answers(tt.serve)
			i.isDown(t, tt.logged)
		})
	}
}

// isDown holds a new API to answer and to log that there are no keys.
func (i *identity) isDown(t *testing.T, logged string) {
	t.Helper()
	config, log := i.config(), &told{}
	config.Log = log.log
	acme := api.New(config).Tenant("acme")
	i.with(t).expect(t, acme, 503)
	reads.expect(t, acme, 200)
	if log.len() != 1 || !strings.Contains(log.errs[0].Error(), logged) {
		t.Errorf("logged %v, want %q", log.errs, logged)
	}
}

func TestIssuer_IsNotQuoted(t *testing.T) {
	i := newIdentity(t)
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, answer)
			conn.Close()
		}
	}
	for _, answer := range []string{
		"HTTP/1.1 500 s3cr3t\r\n\r\ns3cr3t", "HTTP/1.1 200 OK\r\n\r\ns3cr3t", "s3cr3t\r\n\r\n", "HTTP/1.1 s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie s3cr3t\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cr3t\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /s3cr3t\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n" + `{"issuer":"s3cr3t"}`, "HTTP/1.1 200 OK\r\n\r\n" + `{"s3cr3t":1,"s3cr3t":1}`,
		"HTTP/1.1 200 OK\r\n\r\n" + `{"issuer":"` + i.url + `","jwks_uri":"http://s3cr3t.example"}`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nSet-Cookie s3cr3t\r\n\r\n",
	} {
		i.answers(raw(answer))
		config, log := i.config(), &told{}
		config.Log = log.log
		i.with(t).expect(t, api.New(config).Tenant("acme"), 503)
		if log.len() != 1 || strings.Contains(log.errs[0].Error(), "s3cr3t") {
			t.Errorf("%q is logged as %v", answer, log.errs)
		}
	}
}

func TestIssuer_MustNotBeReachedInTheOpen(t *testing.T) {
	for _, url := range []string{"http://issuer.example", "http://192.0.2.1", "ftp://127.0.0.1", "issuer", "https://%zz"} {
		i := newIdentity(t)
		i.url = url
		i.isDown(t, "the issuer is neither https nor on this machine")
	}
}

func TestIssuer_IsAskedWithoutAProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	i := newIdentity(t)
	i.with(t).expect(t, i.api(), 200)
}

// slow is an issuer that answers when the test is over, or when it is told to.
func (i *identity) slow(t testing.TB) (asked <-chan struct{}, answer func()) {
	began, release := make(chan struct{}, 100), make(chan struct{})
	answer = sync.OnceFunc(func() { close(release) })
	t.Cleanup(answer)
	i.answers(func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-release
		i.publish(w, r)
	})
	return began, answer
}

func TestIssuer_ThatIsSlowHoldsUpOnlyWhoNeedsIt(t *testing.T) {
	i := newIdentity(t)
	asked, answer := i.slow(t)
	acme := i.api()
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() { i.with(t).expect(t, acme, 200) })
	}
	<-asked
	for range 20 {
		reads.expect(t, acme, 200)
		fails.expect(t, acme, 401)
	}
	answer()
	waiting.Wait()
	if i.fetches() != 1 {
		t.Errorf("20 tokens at once: %d fetches", i.fetches())
	}
}

func TestIssuer_ThatIsSlowHoldsUpNobodyWhoseKeyIsThere(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	known, late := i.with(t), i.with(t)
	known.expect(t, acme, 200)
	first := i.keys[0]
	i.rotate(ellipticKey(t, "second"), first)
	asked, answer := i.slow(t)
	var waiting sync.WaitGroup
	waiting.Go(func() { i.with(t).expect(t, acme, 200) })
	<-asked
	known.expect(t, acme, 200)
	late.expect(t, acme, 200)
	answer()
	waiting.Wait()
}

func TestIssuer_LeavesNothingRunning(t *testing.T) {
	i := newIdentity(t)
	before := goleak.IgnoreCurrent()
	i.with(t).expect(t, i.api(), 200)
	i.answers(down)
	i.with(t).expect(t, i.api(), 503)
	goleak.VerifyNone(t, before)
}

func TestIssuer_ThatNeverAnswersIsGivenUp(t *testing.T) {
	i := newIdentity(t)
	i.slow(t)
	begin := time.Now()
	i.with(t).expect(t, i.api(), 503)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAccessToken_WhoseSenderHangsUpLeavesTheFetchToOthers(t *testing.T) {
	i := newIdentity(t)
	asked, answer := i.slow(t)
	acme := i.api()
	ctx, hangUp := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		serve(t, acme, i.with(t).build(t, "http://acme.example").WithContext(ctx))
	})
	<-asked
	hangUp()
	waiting.Go(func() { i.with(t).expect(t, acme, 200) })
	answer()
	waiting.Wait()
	if i.fetches() != 1 {
		t.Errorf("%d fetches", i.fetches())
	}
}
