package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/lists"
	"originwarden/store"
)

// benchHandler returns the API over a real store, configured as in production.
func benchHandler(t testing.TB) (http.Handler, store.Store) {
	s := openStore(t, store.Limits{Integrations: 1 << 20, Origins: 1 << 30})
	cache := lists.New(lists.Config{Store: s, Bounds: lists.Bounds{Tenants: 1, Origins: 1 << 30}, Timeout: time.Minute})
	return api.New(api.Config{
		Store: s, Lists: cache,
		Settings: api.Settings{
			Auth: auth.Settings{
				Tokens:     tokens(),
				OIDC:       auth.OIDC{Issuer: "https://issuer.example", Audience: audience},
				RateLimits: auth.RateLimits{Tier1: 1 << 40, Tier2: 1 << 40, Failed: 60},
			},
			Limits: api.Limits{Origins: 1000, Body: 1 << 20}, Timeout: time.Minute,
		},
	}).Tenant("acme"), s
}

func benchIntegration(name string) store.WebIntegration {
	now := time.Now().UTC().Truncate(time.Second)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: "acme", Name: name, CreatedBy: "ops", Created: now, LastUpdated: now,
		ValidOrigins: []string{"https://a.example", "https://b.example", "https://c.example"},
	}
}

// fillTenant creates n web integrations and returns the id of the nth by name.
func fillTenant(t testing.TB, s store.Store, n, nth int) (id string) {
	for i := range n {
		w, err := s.Create(context.Background(), benchIntegration(fmt.Sprintf("n%05d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if i == nth {
			id = w.ID
		}
	}
	return id
}

func benchServe(t testing.TB, handler http.Handler, r *http.Request, want int) {
	r.Header.Set("Authorization", "Bearer "+adminToken)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != want {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
}

func BenchmarkList_PageOf100OutOf10000(b *testing.B) {
	handler, s := benchHandler(b)
	after := fillTenant(b, s, 10_000, 5000)
	b.Run("API", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			benchServe(b, handler, httptest.NewRequest("GET", collection+"?limit=100&startingAfter="+after, nil), http.StatusOK)
		}
	})
	b.Run("store alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Page(context.Background(), "acme", store.Query{Limit: 100, After: after}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestList_AllocationsDoNotDependOnTenantSize(t *testing.T) {
	allocations := func(n int) float64 {
		handler, s := benchHandler(t)
		target := collection + "?limit=50&startingAfter=" + fillTenant(t, s, n, 25)
		return testing.AllocsPerRun(100, func() {
			benchServe(t, handler, httptest.NewRequest("GET", target, nil), http.StatusOK)
		})
	}
	few, many := allocations(100), allocations(1000)
	if many > few*1.01 {
		t.Errorf("%v allocations for a page of 100 web integrations, %v for one of 1000", few, many)
	}
}

// The API and the store alone write to one file in turns, so that other disk
// activity affects both.
func BenchmarkCreate(b *testing.B) {
	handler, s := benchHandler(b)
	through := func(r *http.Request) { benchServe(b, handler, r, http.StatusCreated) }
	alone := func(*http.Request) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := s.Create(ctx, benchIntegration("n")); err != nil {
			b.Fatal(err)
		}
	}
	var throughTook, aloneTook []time.Duration
	for b.Loop() {
		throughTook, aloneTook = append(throughTook, measure(through)), append(aloneTook, measure(alone))
		aloneTook, throughTook = append(aloneTook, measure(alone)), append(throughTook, measure(through))
	}
	b.ReportMetric(float64(median(throughTook)), "API-ns/create")
	b.ReportMetric(float64(median(aloneTook)), "store-ns/create")
	b.ReportMetric(float64(median(throughTook))/float64(median(aloneTook)), "API/store")
}

// measure returns how long create takes.
func measure(create func(*http.Request)) time.Duration {
	r := httptest.NewRequest("POST", collection, strings.NewReader(`{"name":"n","validOrigins":["https://a.example","https://b.example","https://c.example"]}`))
	r.Header.Set("Content-Type", "application/json")
	begin := time.Now()
	create(r)
	return time.Since(begin)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkAuthentication measures requests with each kind of token.
func BenchmarkAuthentication(b *testing.B) {
	i := newTestIssuer(b)
	config := i.config()
	config.Auth.RateLimits = auth.RateLimits{Tier1: 1 << 40, Failed: 1 << 40}
	acme := api.New(config).Tenant("acme")
	n := 0
	for name, token := range map[string]func() string{
		"static":     func() string { return adminToken },
		"known":      func() string { return i.token(b, nil) },
		"unknown":    func() string { return "unknown" },
		"not signed": func() string { return encodeToken(`{"alg":"ES256","kid":"first"}`, i.claims(nil), make([]byte, 64)) },
	} {
		b.Run(name, func(b *testing.B) {
			r := request{path: collection, token: token()}.build(b, "http://acme.example")
			b.ReportAllocs()
			for b.Loop() {
				acme.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
	b.Run("signed", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			n++
			r := request{path: collection, token: i.token(b, changes{"sub": fmt.Sprint(n)})}.build(b, "http://acme.example")
			b.StartTimer()
			acme.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}
