package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"originwarden/api"
)

// with is a read with a token of the issuer, signed by its first key now.
func (i *identity) with(t testing.TB) request {
	return request{path: collection, token: i.token(t, nil)}
}

func TestKeys_AreFetchedWhenTheFirstTokenNeedsThem(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	reads.expect(t, acme, 200)
	request{path: collection, token: "-"}.expect(t, acme, 401)
	request{path: collection, token: "unknown"}.expect(t, acme, 401)
	request{path: collection, token: "a.b.c"}.expect(t, acme, 401)
	request{path: collection, token: forged(`{"alg":"HS256"}`, i.claims(nil), nil)}.expect(t, acme, 401)
	if i.calls() != 0 {
		t.Errorf("the issuer was asked %d times before a token needed it", i.calls())
	}
	for range 10 {
		i.with(t).expect(t, acme, 200)
	}
	if i.fetches() != 1 {
		t.Errorf("10 tokens: %d fetches", i.fetches())
	}
}

func TestKeys_AreFetchedOnceAMinuteForUnknownOnes(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		i.with(t).expect(t, acme, 200)
		old := i.with(t)

		i.rotate(ellipticKey(t, "second"))
		i.with(t).expect(t, acme, 200) // at once
		if i.fetches() != 2 {
			t.Fatalf("an unknown key: %d fetches", i.fetches())
		}
		old.expect(t, acme, 401) // its key was withdrawn

		i.rotate(ellipticKey(t, "third"))
		time.Sleep(time.Minute - time.Millisecond)
		for range 20 {
			i.with(t).expect(t, acme, 401)
		}
		if i.fetches() != 2 {
			t.Errorf("unknown keys within the minute: %d fetches", i.fetches())
		}
		time.Sleep(time.Millisecond)
		i.with(t).expect(t, acme, 200)
		if i.fetches() != 3 {
			t.Errorf("an unknown key a minute later: %d fetches", i.fetches())
		}
	})
}

func TestKeys_UnknownFromTheBeginningAreFetchedOnce(t *testing.T) {
	i := newIdentity(t)
	stranger := request{path: collection, token: signed(t, ellipticKey(t, "stranger"), i.claims(nil), nil)}
	stranger.expect(t, i.api(), 401)
	if i.fetches() != 1 {
		t.Errorf("%d fetches", i.fetches())
	}
}

func TestKeys_ABadSignatureByAKnownOneFetchesNothing(t *testing.T) {
	i := newIdentity(t)
	acme := i.api()
	i.with(t).expect(t, acme, 200)
	request{path: collection, token: signed(t, ellipticKey(t, "first"), i.claims(nil), nil)}.expect(t, acme, 401)
	if i.fetches() != 1 {
		t.Errorf("%d fetches", i.fetches())
	}
}

func TestKeys_ThatWereWithdrawnCountTenMinutesAtMost(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		known, late := i.with(t), request{path: collection, token: i.token(t, changes{"sub": "late"})}
		known.expect(t, acme, 200)
		i.rotate(ellipticKey(t, "second"))
		time.Sleep(10*time.Minute - time.Millisecond)
		known.expect(t, acme, 200)
		time.Sleep(time.Millisecond)
		known.expect(t, acme, 401)
		late.expect(t, acme, 401)
		i.with(t).expect(t, acme, 200)
		if i.fetches() != 2 {
			t.Errorf("%d fetches", i.fetches())
		}
	})
}

func TestKeys_ThatAreTheSameAgainVouchForWhatTheySigned(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		config := i.config()
		config.RateLimits.Failed = 1
		acme := api.New(config).Tenant("acme")
		known := i.with(t)
		known.expect(t, acme, 200)
		time.Sleep(10 * time.Minute)
		fails.expect(t, acme, 401, 429)
		known.expect(t, acme, 200) // though its address may attempt nothing now
		if i.fetches() != 2 {
			t.Errorf("%d fetches", i.fetches())
		}
	})
}

func TestAccessToken_IsNotGoodForLongerBecauseItWasGoodOnce(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		r := request{path: collection, token: i.token(t, changes{"exp": time.Now().Add(time.Minute).Unix()})}
		r.expect(t, acme, 200)
		time.Sleep(time.Minute + 29*time.Second)
		r.expect(t, acme, 200)
		time.Sleep(time.Second)
		r.expect(t, acme, 401)
	})
}

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
		config.RateLimits.Failed = 1
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	i := newIdentity(t)
	i.url = "http://" + l.Addr().String()
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
	discovery := func(w http.ResponseWriter, keys string) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": keys})
	}
	for rule, serve := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"another issuer": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":"https://evil.example","jwks_uri":"%s/keys"}`, i.url)
		},
		"no place of keys": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"issuer":%q}`, i.url) },
		"keys over http":   func(w http.ResponseWriter, _ *http.Request) { discovery(w, "http://keys.example/") },
		"keys in a file":   func(w http.ResponseWriter, _ *http.Request) { discovery(w, "file:///etc/keys") },
		"a redirect":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
		"a body without end": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 1<<16))
			}
		},
		"a header without end": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
	} {
		t.Run(rule, func(t *testing.T) {
			i.answers(serve)
			acme := i.api()
			i.with(t).expect(t, acme, 503)
			reads.expect(t, acme, 200)
		})
	}
}

func TestKeys_WhoseAnswerIsNoneAreNotThere(t *testing.T) {
	i := newIdentity(t)
	for rule, keys := range map[string]http.HandlerFunc{
		"an error":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"no keys":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) },
		"no list":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":{}}`) },
		"doubled lists": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":[],"keys":[]}`) },
		"a redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/others", http.StatusFound) },
		"more than is read": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"keys":[]%s}`, strings.Repeat(" ", 256<<10))
		},
		"less than was said": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"keys":[]}`)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			i.answers(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/keys" {
					keys(w, r)
				} else {
					i.publish(w, r)
				}
			})
			i.with(t).expect(t, i.api(), 503)
		})
	}
}

// A list that is empty is the issuer's word that it has withdrawn them all.
func TestKeys_MayBeNoneAtAll(t *testing.T) {
	i := newIdentity(t)
	r := i.with(t)
	i.rotate()
	r.expect(t, i.api(), 401)
}

func TestIssuer_MustNotBeReachedInTheOpen(t *testing.T) {
	for _, url := range []string{"http://issuer.example", "http://192.0.2.1", "ftp://127.0.0.1", "issuer", "https://%zz"} {
		i := newIdentity(t)
		i.url = url
		config, log := i.config(), &told{}
		config.Log = log.log
		i.with(t).expect(t, api.New(config).Tenant("acme"), 503)
		if log.len() != 1 || !strings.Contains(log.errs[0].Error(), "neither https nor on this machine") {
			t.Errorf("%s: logged %v", url, log.errs)
		}
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

func TestFailedAuthentication_OverTheLimitVerifiesNothing(t *testing.T) {
	i := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		config := i.config()
		config.RateLimits.Failed = 2
		acme := api.New(config).Tenant("acme")
		known := i.with(t)
		known.expect(t, acme, 200, 200, 200) // successes do not count
		bad := request{path: collection, token: i.token(t, changes{"aud": "x"})}
		bad.expect(t, acme, 401, 401, 429)

		fetches := i.fetches()
		request{path: collection, token: signed(t, ellipticKey(t, "unknown"), i.claims(nil), nil)}.expect(t, acme, 429)
		if i.fetches() != fetches {
			t.Error("a token was looked at")
		}
		late := request{path: collection, token: i.token(t, changes{"sub": "late"})}
		late.expect(t, acme, 429)
		known.expect(t, acme, 200) // it was verified before, whoever fails at its address now
		reads.expect(t, acme, 200)
		if got := late.as(t, acme, "192.0.2.99"); got.status != 200 {
			t.Errorf("from another address: %d", got.status)
		}
		time.Sleep(30 * time.Second)
		request{path: collection, token: i.token(t, changes{"sub": "later"})}.expect(t, acme, 200)
		bad.expect(t, acme, 401, 429)
	})
}

// However many attempts run at once, no more are made than could all fail.
func TestFailedAuthentication_IsLimitedAtOnceToo(t *testing.T) {
	i := newIdentity(t)
	config := i.config()
	config.RateLimits.Failed = 3
	acme := api.New(config).Tenant("acme")
	_, answer := i.slow(t)
	bad := request{path: collection, token: i.token(t, changes{"aud": "x"})}
	var waiting sync.WaitGroup
	for range 3 {
		waits := make(chan struct{}, 10)
		waiting.Go(func() {
			r := bad.build(t, "http://acme.example")
			r.RemoteAddr = "192.0.2.1"
			if got := serve(t, acme, r.WithContext(watched{t.Context(), waits})); got.status != 401 {
				t.Errorf("under way: %d", got.status)
			}
		})
		<-waits
	}
	bad.expect(t, acme, 429)
	fails.expect(t, acme, 429)
	answer()
	waiting.Wait()
	bad.expect(t, acme, 429)
}

// watched is a context that tells when somebody waits for its end.
type watched struct {
	context.Context
	waits chan<- struct{}
}

func (w watched) Done() <-chan struct{} {
	w.waits <- struct{}{}
	return w.Context.Done()
}
