package api_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api"
)

// readRequest returns a read request with a new token of the issuer.
func (i *testIssuer) readRequest(t testing.TB) request {
	return request{path: collection, token: i.token(t, nil)}
}

func TestKeys_AreFetchedForFirstTokenThatNeedsThem(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	readRequest.expectStatuses(t, acme, 200)
	request{path: collection, token: "-"}.expectStatuses(t, acme, 401)
	request{path: collection, token: "unknown"}.expectStatuses(t, acme, 401)
	request{path: collection, token: "a.b.c"}.expectStatuses(t, acme, 401)
	request{path: collection, token: encodeToken(`{"alg":"HS256"}`, i.claims(nil), nil)}.expectStatuses(t, acme, 401)
	if i.calls() != 0 {
		t.Errorf("%d requests to the issuer before a token needed its keys", i.calls())
	}
	for range 10 {
		i.readRequest(t).expectStatuses(t, acme, 200)
	}
	if i.fetches() != 1 {
		t.Errorf("%d fetches for 10 tokens, want 1", i.fetches())
	}
}

func TestKeys_UnknownKeyFetchesAtMostOncePerMinute(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		i.readRequest(t).expectStatuses(t, acme, 200)
		old := i.readRequest(t)

		i.rotate(newES256Key(t, "second"))
		i.readRequest(t).expectStatuses(t, acme, 200) // fetched immediately
		if i.fetches() != 2 {
			t.Fatalf("%d fetches after an unknown key, want 2", i.fetches())
		}
		old.expectStatuses(t, acme, 401) // its key was withdrawn

		i.rotate(newES256Key(t, "third"))
		time.Sleep(time.Minute - time.Millisecond)
		for range 20 {
			i.readRequest(t).expectStatuses(t, acme, 401)
		}
		if i.fetches() != 2 {
			t.Errorf("%d fetches after unknown keys within a minute, want 2", i.fetches())
		}
		time.Sleep(time.Millisecond)
		i.readRequest(t).expectStatuses(t, acme, 200)
		if i.fetches() != 3 {
			t.Errorf("%d fetches after an unknown key a minute later, want 3", i.fetches())
		}
	})
}

func TestKeys_UnknownKeyAtStartFetchesOnce(t *testing.T) {
	i := newTestIssuer(t)
	stranger := request{path: collection, token: signToken(t, newES256Key(t, "stranger"), i.claims(nil), nil)}
	stranger.expectStatuses(t, i.api(), 401)
	if i.fetches() != 1 {
		t.Errorf("%d fetches of the keys", i.fetches())
	}
}

func TestKeys_InvalidSignatureOfKnownKeyFetchesNothing(t *testing.T) {
	i := newTestIssuer(t)
	acme := i.api()
	i.readRequest(t).expectStatuses(t, acme, 200)
	request{path: collection, token: signToken(t, newES256Key(t, "first"), i.claims(nil), nil)}.expectStatuses(t, acme, 401)
	if i.fetches() != 1 {
		t.Errorf("%d fetches of the keys", i.fetches())
	}
}

func TestKeys_WithdrawnKeyExpiresAfterTenMinutes(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		known, late := i.readRequest(t), request{path: collection, token: i.token(t, changes{"sub": "late"})}
		known.expectStatuses(t, acme, 200)
		i.rotate(newES256Key(t, "second"))
		time.Sleep(10*time.Minute - time.Millisecond)
		known.expectStatuses(t, acme, 200)
		time.Sleep(time.Millisecond)
		known.expectStatuses(t, acme, 401)
		late.expectStatuses(t, acme, 401)
		i.readRequest(t).expectStatuses(t, acme, 200)
		if i.fetches() != 2 {
			t.Errorf("%d fetches of the keys", i.fetches())
		}
	})
}

func TestKeys_UnchangedAfterRefetchKeepVerifiedTokens(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		config := i.config()
		config.Auth.RateLimits.Failed = 1
		acme := api.New(config).Tenant("acme")
		known := i.readRequest(t)
		known.expectStatuses(t, acme, 200)
		time.Sleep(10 * time.Minute)
		failingRequest.expectStatuses(t, acme, 401, 429)
		known.expectStatuses(t, acme, 200) // though its address is above the limit of failures
		if i.fetches() != 2 {
			t.Errorf("%d fetches of the keys", i.fetches())
		}
	})
}

func TestAccessToken_ExpiresThoughItWasVerifiedBefore(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		acme := i.api()
		r := request{path: collection, token: i.token(t, changes{"exp": time.Now().Add(time.Minute).Unix()})}
		r.expectStatuses(t, acme, 200)
		time.Sleep(time.Minute + 29*time.Second)
		r.expectStatuses(t, acme, 200)
		time.Sleep(time.Second)
		r.expectStatuses(t, acme, 401)
	})
}

func TestKeys_InvalidResponsesReturn503(t *testing.T) {
	i := newTestIssuer(t)
	for _, tt := range []struct {
		rule, logged string
		keys         http.HandlerFunc
	}{
		{"error status", "404", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); i.publish(w, r) }},
		{"not JSON", "not a JSON Web Key Set", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }},
		{"no keys", "not a JSON Web Key Set", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) }},
		{"keys not an array", "not a JSON Web Key Set", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":{}}`) }},
		{"duplicate keys member", "not a JSON Web Key Set", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":[],"keys":[]}`) }},
		{"a redirect", "302", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/keys?again")
			w.WriteHeader(http.StatusFound)
			i.publish(w, r)
		}},
		{"too large", "too large", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat(" ", 256<<10))
			i.publish(w, r)
		}},
		{"shorter than Content-Length", "unexpected EOF", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"keys":[]}`)
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			i.setHandler(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RequestURI() == "/keys" {
					tt.keys(w, r)
				} else {
					i.publish(w, r)
				}
			})
			i.expectUnavailable(t, tt.logged)
		})
	}
}

// An empty key set means that the issuer has withdrawn all keys.
func TestKeys_EmptySetRefusesEveryToken(t *testing.T) {
	i := newTestIssuer(t)
	r := i.readRequest(t)
	i.rotate()
	r.expectStatuses(t, i.api(), 401)
}

func TestFailedAuthentication_OverLimitAllowsValidTokens(t *testing.T) {
	i := newTestIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		config := i.config()
		config.Auth.RateLimits.Failed = 2
		acme := api.New(config).Tenant("acme")
		known := i.readRequest(t)
		known.expectStatuses(t, acme, 200, 200, 200) // successes do not count
		bad := request{path: collection, token: i.token(t, changes{"aud": "x"})}
		bad.expectStatuses(t, acme, 401, 401, 429, 429)
		known.expectStatuses(t, acme, 200)
		readRequest.expectStatuses(t, acme, 200)
		late := request{path: collection, token: i.token(t, changes{"sub": "late"})}
		late.expectStatuses(t, acme, 200, 200) // though its address is above the limit of failures
		for _, r := range []request{
			failingRequest, {path: collection, token: "-"}, {path: collection, token: "a.b.c"},
			{path: collection, token: signToken(t, newES256Key(t, "first"), i.claims(nil), nil)},
			{path: collection, token: i.token(t, changes{"exp": 1})},
		} {
			r.expectStatuses(t, acme, 429)
		}
		time.Sleep(30 * time.Second)
		late.expectStatuses(t, acme, 200)
		bad.expectStatuses(t, acme, 401, 429)
	})
}

// Above the limit, a request does not wait for a fetch that another one started.
func TestFailedAuthentication_OverLimitDoesNotWaitForIssuer(t *testing.T) {
	i := newTestIssuer(t)
	config := i.config()
	config.Auth.RateLimits.Failed = 1
	acme := api.New(config).Tenant("acme")
	failingRequest.expectStatuses(t, acme, 401)
	asked, answer := i.blockResponses(t)
	first := request{path: collection, token: i.token(t, nil)}
	var waiting sync.WaitGroup
	answered := make(chan struct{})
	waiting.Go(func() { first.expectStatuses(t, acme, 200); close(answered) })
	select {
	case <-asked:
	case <-answered:
		t.Fatal("the issuer was not asked")
	}
	request{path: collection, token: i.token(t, changes{"sub": "late"})}.expectStatuses(t, acme, 429)
	answer()
	waiting.Wait()
	i.setHandler(nil)
	i.rotate(newES256Key(t, "second"))
	request{path: collection, token: i.token(t, nil)}.expectStatuses(t, acme, 200)
}

// Attempts in progress count as failures until they end.
func TestFailedAuthentication_LimitsConcurrentAttempts(t *testing.T) {
	i := newTestIssuer(t)
	config := i.config()
	config.Auth.RateLimits.Failed = 3
	acme := api.New(config).Tenant("acme")
	_, answer := i.blockResponses(t)
	bad := request{path: collection, token: i.token(t, changes{"aud": "x"})}
	var waiting sync.WaitGroup
	for range 3 {
		waits := make(chan struct{}, 10)
		waiting.Go(func() {
			r := bad.build(t, "http://acme.example")
			r.RemoteAddr = "192.0.2.1"
			if got := serve(t, acme, r.WithContext(doneNotifier{t.Context(), waits})); got.status != 401 {
				t.Errorf("attempt in progress: status %d, want 401", got.status)
			}
		})
		<-waits
	}
	bad.expectStatuses(t, acme, 429)
	failingRequest.expectStatuses(t, acme, 429)
	answer()
	waiting.Wait()
	bad.expectStatuses(t, acme, 429)
}

// doneNotifier is a context that sends to waits when Done is called.
type doneNotifier struct {
	context.Context
	waits chan<- struct{}
}

func (w doneNotifier) Done() <-chan struct{} {
	w.waits <- struct{}{}
	return w.Context.Done()
}
