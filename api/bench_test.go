package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"originwarden/api"
	"originwarden/origins"
	"originwarden/store"
)

// benchHandler is the API over a real store, without a connection.
func benchHandler(b *testing.B) (http.Handler, store.Store) {
	s := openStore(b, store.Limits{Integrations: 1 << 20, Origins: 1 << 30})
	lists := origins.NewCache(origins.Bounds{Tenants: 1, Origins: 1 << 30}, store.Loader(s, time.Minute))
	return api.New(api.Config{
		Store: s, Lists: lists, Tokens: tokens(), Limits: api.Limits{Origins: 1000, Body: 1 << 20}, Timeout: time.Minute,
	}).Tenant("acme"), s
}

func benchIntegration(name string) store.WebIntegration {
	now := time.Now().UTC().Truncate(time.Second)
	return store.WebIntegration{
		ID: store.NewID(), TenantID: "acme", Name: name, CreatedBy: "ops", Created: now, LastUpdated: now,
		ValidOrigins: []string{"https://a.example", "https://b.example", "https://c.example"},
	}
}

func benchServe(b *testing.B, handler http.Handler, r *http.Request, want int) {
	r.Header.Set("Authorization", "Bearer "+adminToken)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != want {
		b.Fatalf("%d %s", w.Code, w.Body)
	}
}

func BenchmarkList_PageOf100OutOf10000(b *testing.B) {
	handler, s := benchHandler(b)
	for i := range 10_000 {
		if _, err := s.Create(context.Background(), benchIntegration(fmt.Sprintf("n%05d", i))); err != nil {
			b.Fatal(err)
		}
	}
	first, err := s.Page(context.Background(), "acme", store.Query{Limit: 100})
	if err != nil {
		b.Fatal(err)
	}
	after := first.Integrations[99].ID
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

func BenchmarkCreate(b *testing.B) {
	b.Run("API", func(b *testing.B) {
		handler, _ := benchHandler(b)
		b.ReportAllocs()
		for b.Loop() {
			r := httptest.NewRequest("POST", collection, strings.NewReader(`{"name":"n","validOrigins":["https://a.example","https://b.example","https://c.example"]}`))
			r.Header.Set("Content-Type", "application/json")
			benchServe(b, handler, r, http.StatusCreated)
		}
	})
	b.Run("store alone", func(b *testing.B) {
		_, s := benchHandler(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Create(context.Background(), benchIntegration("n")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
