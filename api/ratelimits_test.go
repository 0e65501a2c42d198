package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/store"
)

// newRateLimited returns an API with rate limits over an empty store, on the hosts
// of acme and globex.
func newRateLimited(limits auth.RateLimits) (acme, globex http.Handler) {
	config := newConfig(emptyStore())
	config.Auth.RateLimits = limits
	a := api.New(config)
	return a.Tenant("acme"), a.Tenant("globex")
}

// sendFrom sends r to handler from an address.
func (r request) sendFrom(t testing.TB, handler http.Handler, from string) reply {
	t.Helper()
	built := r.build(t, "http://acme.example")
	built.RemoteAddr = from
	return serve(t, handler, built)
}

func (r request) sendTo(t testing.TB, handler http.Handler) reply {
	t.Helper()
	return r.sendFrom(t, handler, "192.0.2.1:1234")
}

var (
	readRequest    = request{method: "GET", path: collection}
	writeRequest   = request{method: "POST", path: collection, body: `{"name":"n"}`}
	failingRequest = request{method: "GET", path: collection, token: "unknown"}
)

// emptyStore returns a store that contains nothing and accepts every creation.
func emptyStore() *hooks {
	return &hooks{
		page: func(context.Context, string, store.Query) (store.Page, error) { return store.Page{}, nil },
		integration: func(context.Context, string, string) (store.WebIntegration, error) {
			return store.WebIntegration{}, store.ErrNotFound
		},
		create: func(_ context.Context, w store.WebIntegration) (store.WebIntegration, error) {
			w.Revision = 1
			return w, nil
		},
		edit: func(context.Context, string, string, func(*store.WebIntegration) error) (store.WebIntegration, error) {
			return store.WebIntegration{}, store.ErrNotFound
		},
		delete: func(context.Context, string, string, func(store.WebIntegration) error) (uint64, error) {
			return 0, store.ErrNotFound
		},
	}
}

// expectStatuses sends r once for each status, and checks the status.
func (r request) expectStatuses(t testing.TB, handler http.Handler, statuses ...int) {
	t.Helper()
	for i, want := range statuses {
		if got := r.sendTo(t, handler); got.status != want {
			t.Errorf("%s with token %q, request %d: status %d: %s, want %d", r.method, r.token, i+1, got.status, got.body, want)
		}
	}
}

func TestRateLimit_ReturnsDocumentedResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acme, _ := newRateLimited(auth.RateLimits{Tier1: 2})
		readRequest.expectStatuses(t, acme, 200, 200)
		time.Sleep(10 * time.Second)
		got := readRequest.sendTo(t, acme)
		e := got.document(t).Errors[0]
		if got.status != 429 || got.header.Get("Retry-After") != "20" || e.Code != "HTTP-429" ||
			e.Title != "API rate limit reached." || e.Detail != "You need to wait 20 seconds until limit is lifted." {
			t.Errorf("status %d, headers %v: %s", got.status, got.header, got.body)
		}
		for name := range got.header {
			if strings.HasPrefix(strings.ToLower(name), "x-ratelimit") {
				t.Errorf("unexpected header %s", name)
			}
		}
	})
}

func TestRateLimit_EndsAtRetryAfter(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60} {
		for name, r := range map[string]request{"tier 1": readRequest, "tier 2": writeRequest, "failed": failingRequest} {
			t.Run(fmt.Sprint(name, " of ", limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					acme, _ := newRateLimited(auth.RateLimits{Tier1: limit, Tier2: limit, Failed: limit})
					for range limit {
						r.sendTo(t, acme)
					}
					for range 5 {
						got := r.sendTo(t, acme)
						if want := strconv.Itoa(60 / limit); got.status != 429 || got.header.Get("Retry-After") != want {
							t.Fatalf("status %d, Retry-After %s, want 429, %s", got.status, got.header.Get("Retry-After"), want)
						}
						time.Sleep(time.Minute/time.Duration(limit) - time.Millisecond)
						r.expectStatuses(t, acme, 429)
						time.Sleep(time.Millisecond)
						if got := r.sendTo(t, acme); got.status == 429 {
							t.Fatalf("refused after Retry-After: %s", got.body)
						}
					}
				})
			})
		}
	}
}

// Partial waits refill fractions of a token, which are not exact in floating point.
func TestRateLimit_EndsAtRetryAfterAfterPartialWaits(t *testing.T) {
	for name, r := range map[string]request{"tier 1": readRequest, "failed": failingRequest} {
		for _, limit := range []int{2, 3, 7, 9, 13, 29} {
			synctest.Test(t, func(t *testing.T) {
				acme, _ := newRateLimited(auth.RateLimits{Tier1: limit, Failed: limit})
				for n := range 200 {
					got := r.sendTo(t, acme)
					if got.status != 429 {
						continue
					}
					time.Sleep(time.Duration(n%7) * 100 * time.Millisecond)
					if got = r.sendTo(t, acme); got.status != 429 {
						continue
					}
					seconds, _ := strconv.Atoi(got.header.Get("Retry-After"))
					if time.Sleep(time.Duration(seconds) * time.Second); r.sendTo(t, acme).status == 429 {
						t.Fatalf("%s of %d, request %d: after %d seconds: 429", name, limit, n, seconds)
					}
				}
			})
		}
	}
}

func TestRateLimit_RoundsRetryAfterUp(t *testing.T) {
	for limit, want := range map[int]string{7: "9", 59: "2", 61: "1", 100: "1", 1000: "1"} {
		synctest.Test(t, func(t *testing.T) {
			acme, _ := newRateLimited(auth.RateLimits{Tier1: limit})
			for range limit {
				readRequest.sendTo(t, acme)
			}
			if got := readRequest.sendTo(t, acme); got.status != 429 || got.header.Get("Retry-After") != want {
				t.Errorf("above %d: status %d, Retry-After %s, want 429, %s", limit, got.status, got.header.Get("Retry-After"), want)
			}
		})
	}
}

func TestRateLimit_TiersAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acme, _ := newRateLimited(auth.RateLimits{Tier1: 2, Tier2: 2})
		readRequest.expectStatuses(t, acme, 200, 200, 429)
		writeRequest.expectStatuses(t, acme, 201, 201, 429)
		time.Sleep(time.Minute)
		writeRequest.expectStatuses(t, acme, 201, 201, 429)
		readRequest.expectStatuses(t, acme, 200, 200, 429)
	})
}

func TestRateLimit_CountsReadsAndWrites(t *testing.T) {
	item := collection + "/" + store.NewID()
	for _, r := range []request{
		{method: "GET", path: collection}, {method: "GET", path: collection + "?limit=x"}, {method: "HEAD", path: collection},
		{method: "GET", path: item}, {method: "HEAD", path: item},
	} {
		acme, _ := newRateLimited(auth.RateLimits{Tier1: 1})
		r.sendTo(t, acme)
		if got := r.sendTo(t, acme).status; got != 429 {
			t.Errorf("%s %s in tier 1: status %d, want 429", r.method, r.path, got)
		}
	}
	for _, r := range []request{
		{method: "POST", path: collection, body: `{"name":"n"}`}, {method: "POST", path: collection, body: `{`},
		{method: "PATCH", path: item, body: `[]`}, {method: "DELETE", path: item},
	} {
		acme, _ := newRateLimited(auth.RateLimits{Tier2: 1})
		r.sendTo(t, acme)
		if got := r.sendTo(t, acme).status; got != 429 {
			t.Errorf("%s %s in tier 2: status %d, want 429", r.method, r.path, got)
		}
	}
}

func TestRateLimit_DoesNotCountRefusedRequests(t *testing.T) {
	acme, _ := newRateLimited(auth.RateLimits{Tier1: 1, Tier2: 1})
	for _, r := range []request{
		{method: "GET", path: collection + "/x"}, {method: "PUT", path: collection},
		{method: "GET", path: collection, token: otherToken}, {method: "POST", path: collection, token: readerToken, body: `{"name":"n"}`},
	} {
		for range 3 {
			if got := r.sendTo(t, acme); got.status == 429 {
				t.Errorf("%s %s with token %q: status %d", r.method, r.path, r.token, got.status)
			}
		}
	}
	readRequest.expectStatuses(t, acme, 200)
	writeRequest.expectStatuses(t, acme, 201)
}

func TestRateLimit_IsPerSubjectAndTenant(t *testing.T) {
	acme, globex := newRateLimited(auth.RateLimits{Tier1: 1})
	of := func(token string) request { return request{path: collection, token: token} }
	of(adminToken).expectStatuses(t, acme, 200, 429)
	of(readerToken).expectStatuses(t, acme, 200, 429) // another subject
	of(globalToken).expectStatuses(t, acme, 200, 429)
	of(globalToken).expectStatuses(t, globex, 200, 429) // another tenant
	of(adminToken).sendFrom(t, acme, "192.0.2.77").document(t)
	if got := of(adminToken).sendFrom(t, acme, "192.0.2.77"); got.status != 429 {
		t.Errorf("from another address: status %d, want 429", got.status)
	}
}

func TestRateLimit_ZeroMeansUnlimited(t *testing.T) {
	acme, _ := newRateLimited(auth.RateLimits{})
	for range 200 {
		readRequest.expectStatuses(t, acme, 200)
		writeRequest.expectStatuses(t, acme, 201)
		failingRequest.expectStatuses(t, acme, 401)
	}
}

func TestFailedAuthentication_IsLimitedPerAddress(t *testing.T) {
	for _, tt := range []struct {
		rule, first, second string
		together            bool
	}{
		{"the same address", "192.0.2.1", "192.0.2.1", true},
		{"another port", "192.0.2.1:1000", "192.0.2.1:1001", true},
		{"with and without a port", "192.0.2.1", "192.0.2.1:1001", true},
		{"another IPv4 address", "192.0.2.1", "192.0.2.2", false},
		{"an IPv4 address mapped to IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two mapped IPv4 addresses", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"the same /64", "2001:db8:0:1::1", "[2001:db8:0:1:ffff::2]:443", true},
		{"another /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"another zone", "fe80::1%eth0", "fe80::1%eth1", true},
		{"no addresses", "invalid IP", "", true},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			acme, _ := newRateLimited(auth.RateLimits{Failed: 1})
			if got := failingRequest.sendFrom(t, acme, tt.first); got.status != 401 {
				t.Fatalf("first request: status %d, want 401", got.status)
			}
			want := 401
			if tt.together {
				want = 429
			}
			if got := failingRequest.sendFrom(t, acme, tt.second); got.status != want {
				t.Errorf("second request: status %d, want %d", got.status, want)
			}
		})
	}
}

func TestFailedAuthentication_OverLimitAllowsStaticTokens(t *testing.T) {
	acme, _ := newRateLimited(auth.RateLimits{Failed: 2})
	failingRequest.expectStatuses(t, acme, 401, 401, 429)
	request{path: collection, token: "-"}.expectStatuses(t, acme, 429)
	readRequest.expectStatuses(t, acme, 200, 200, 200)
	request{path: collection, token: otherToken}.expectStatuses(t, acme, 403, 403) // valid at another tenant
	failingRequest.expectStatuses(t, acme, 429)
}

func TestFailedAuthentication_CountsOnlyFailures(t *testing.T) {
	acme, _ := newRateLimited(auth.RateLimits{Failed: 1})
	readRequest.expectStatuses(t, acme, 200, 200)
	request{path: collection, token: otherToken}.expectStatuses(t, acme, 403, 403)
	request{path: collection + "/x"}.expectStatuses(t, acme, 404, 404)
	failingRequest.expectStatuses(t, acme, 401, 429)
}

// The number of addresses is bounded: the one not seen for longest is dropped.
func TestRateLimit_EvictsLeastRecentlyUsedAddress(t *testing.T) {
	config := newConfig(emptyStore())
	config.Auth.RateLimits.Failed = 1
	acme := api.New(config).Tenant("acme")
	from := func(n int) int {
		r := httptest.NewRequest("GET", collection, nil)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
		w := httptest.NewRecorder()
		acme.ServeHTTP(w, r)
		return w.Code
	}
	const many = 20_000
	for n := range many {
		from(n)
	}
	if first, last := from(0), from(many-1); first != 401 || last != 429 {
		t.Errorf("first of %d addresses: status %d, last: status %d, want 401 and 429", many, first, last)
	}
}
