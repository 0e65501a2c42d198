package api_test

import (
	"context"
	"net/http"
	"testing"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/store"
)

func TestOutcome_IsReportedOncePerRequest(t *testing.T) {
	g := newTestAPI(t)
	id := g.create("n").ID
	var all []api.Outcome
	g.config.Observe = func(_ context.Context, o api.Outcome) {
		o.Call = api.Call{} // see TestCall
		all = append(all, o)
	}
	g.config.Auth.RateLimits = auth.RateLimits{Tier1: 3, Tier2: 3, Failed: 1}
	g.serve(func(h http.Handler) http.Handler { return h })
	const item = collection + "/{id}"
	for _, tt := range []struct {
		rule string
		r    request
		want api.Outcome
	}{
		{"a page", request{method: "GET", path: collection + "?limit=1"}, api.Outcome{Route: collection, Method: "GET", Status: 200}},
		{"HEAD", request{method: "HEAD", path: collection}, api.Outcome{Route: collection, Method: "HEAD", Status: 200}},
		{"not modified", request{method: "GET", path: collection + "/" + id, header: map[string]string{"If-None-Match": "*"}}, api.Outcome{Route: item, Method: "GET", Status: 304}},
		{"above tier 1", request{method: "GET", path: collection}, api.Outcome{Route: collection, Method: "GET", Status: 429, Limit: api.LimitTier1, Code: "HTTP-429"}},
		{"created", request{method: "POST", path: collection, body: `{"name":"n"}`}, api.Outcome{Route: collection, Method: "POST", Status: 201}},
		{"refused", request{method: "POST", path: collection, body: `{`}, api.Outcome{Route: collection, Method: "POST", Status: 400, Code: "BAD_REQUEST"}},
		{"changed", request{method: "PATCH", path: collection + "/" + id, body: `[]`}, api.Outcome{Route: item, Method: "PATCH", Status: 204}},
		{"above tier 2", request{method: "DELETE", path: collection + "/" + id}, api.Outcome{Route: item, Method: "DELETE", Status: 429, Limit: api.LimitTier2, Code: "HTTP-429"}},
		{"no token", request{method: "GET", path: collection, token: "-"}, api.Outcome{Route: collection, Method: "GET", Status: 401, Code: "AUTH-1"}},
		{"above the limit of failures", request{method: "GET", path: collection, token: "-"}, api.Outcome{Route: collection, Method: "GET", Status: 429, Limit: api.LimitFailed, Code: "HTTP-429"}},
		{"token of another tenant", request{method: "GET", path: collection, token: otherToken}, api.Outcome{Route: collection, Method: "GET", Status: 403, Code: "WEBINTEGRATIONS_FORBIDDEN"}},
		{"unknown method", request{method: "MADE-UP", path: collection}, api.Outcome{Route: collection, Method: "other", Status: 405, Code: "METHOD_NOT_ALLOWED"}},
		{"unknown path", request{method: "GET", path: collection + "/made/up"}, api.Outcome{Route: "none", Method: "GET", Status: 404, Code: "WEBINTEGRATIONS_NOT_FOUND"}},
		{"path of another API", request{method: "GET", path: "/api/v1/others"}, api.Outcome{Route: "none", Method: "GET", Status: 404, Code: "WEBINTEGRATIONS_NOT_FOUND"}},
	} {
		all = nil
		got := g.send(tt.r)
		if len(all) != 1 || all[0] != tt.want || got.status != tt.want.Status {
			t.Errorf("%s: status %d, outcomes %+v, want %+v", tt.rule, got.status, all, tt.want)
		}
	}
}

func TestOutcome_ReportsStoreFailure(t *testing.T) {
	var all []api.Outcome
	config := newConfig(&hooks{page: func(context.Context, string, store.Query) (store.Page, error) { return store.Page{}, errInside }})
	config.Observe = func(_ context.Context, o api.Outcome) {
		o.Call = api.Call{} // see TestCall
		all = append(all, o)
	}
	readRequest.expectStatuses(t, api.New(config).Tenant("acme"), 503)
	if want := (api.Outcome{Route: collection, Method: "GET", Status: 503, Code: "STORE_UNAVAILABLE"}); len(all) != 1 || all[0] != want {
		t.Errorf("outcomes %+v, want %+v", all, want)
	}
}
