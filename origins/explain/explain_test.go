package explain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"originwarden/origins"
	"originwarden/origins/explain"
)

const listed = "https://app.example.com"

func newList() *origins.List {
	return origins.NewList(42, []origins.Part{
		{ID: "first", Revision: 1, Origins: []string{listed, "https://both.example.com"}},
		{ID: "second", Revision: 2, Origins: []string{"https://both.example.com", "https://*.example.org"}},
	})
}

func newPolicy() *origins.Policy {
	return &origins.Policy{
		PublicOrigins:    []string{"https://tenant.example"},
		Patterns:         origins.HostedPatterns,
		PostFromAnywhere: []string{"/callback"},
		PublicPaths:      []string{"/assets/*"},
		Methods:          []string{"PUT"},
		RequestHeaders:   []string{"x-custom"},
	}
}

func preflight(origin, method string, headers ...string) origins.Request {
	return origins.Request{Kind: origins.Preflight, Method: "OPTIONS", Path: "/", Origin: []string{origin}, Methods: []string{method}, Headers: headers}
}

func named(r origins.Request, ids ...string) origins.Request {
	for _, id := range ids {
		r.Integration.Add(id)
	}
	return r
}

// The steps are written as answers, with the reason behind that which decides.
func TestDecision_Steps(t *testing.T) {
	get := func(origin ...string) origins.Request {
		return origins.Request{Method: "GET", Path: "/", Origin: origin}
	}
	const (
		unlisted = "https://other.example"
		notOwn   = "no; its public origins are https://tenant.example"
		force    = "revision 42, entries: 4"
		anyOf    = "none: every web integration of the tenant counts"
	)
	toCallback := origins.Request{Method: "POST", Path: "/callback", Origin: []string{unlisted}}
	toAsset := origins.Request{Method: "GET", Path: "/assets/logo.svg", Origin: []string{unlisted}}
	rows := []struct {
		rule    string
		request origins.Request
		list    *origins.List
		want    []string
	}{
		{"no origin", get(), newList(), []string{"none: this is not a CORS request, and the tenant does not require an origin here → no_origin"}},
		{"two origins", get(listed, listed), newList(), []string{"2: a browser sends one → origin_repeated", "no"}},
		{"own origin", get("https://tenant.example"), newList(), []string{"1", "yes → same_origin"}},
		{"malformed", get("https://a.example/"), newList(), []string{"1", notOwn, "no: browsers send no such origin → origin_malformed", "no"}},
		{"public path", toAsset, newList(), []string{"1", notOwn, "yes", "yes: any page may read it, without credentials → path_public"}},
		{"null", get("null"), newList(), []string{"1", notOwn, "yes: null", "no", "yes: any page can send null, so no list can hold it → origin_opaque", "no"}},
		{"no list", get(listed), nil, []string{"1", notOwn, "yes", "no", "unavailable: the store has not answered, and no list was kept → list_unavailable", "no"}},
		{"stale list", get(listed), origins.StaleList(), []string{"1", notOwn, "yes", "no", "stale: it was last confirmed too long ago (max_staleness) → list_stale", "no"}},
		{"listed", get(listed), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes → listed"}},
		{"listed by a pattern", get("https://a.example.org"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes, by the pattern https://*.example.org → listed"}},
		{"unlisted", get(unlisted), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "no → origin_not_listed", "no"}},
		{"named", named(get(listed), "first"), newList(), []string{"1", notOwn, "yes", "no", force, `"first": only that one counts`, "yes → listed"}},
		{"named another", named(get(listed), "second"), newList(), []string{"1", notOwn, "yes", "no", force, `"second": only that one counts`, "no → origin_not_in_web_integration", "no"}},
		{"named an unknown one", named(get(listed), "x"), newList(), []string{"1", notOwn, "yes", "no", force, `"x", which the tenant does not have → web_integration_unknown`, "no"}},
		{"named two", named(get(listed), "first", "second"), newList(), []string{"1", notOwn, "yes", "no", force, "several, which differ → web_integration_ambiguous", "no"}},
		{"exempt", toCallback, newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "no → origin_not_listed", "yes (post_from_anywhere) → path_exempt"}},
		{"preflight", preflight(listed, "PUT", "x-custom"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes → listed", "PUT: allowed", "allowed"}},
		{"preflight without headers", preflight(listed, "PUT"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes → listed", "PUT: allowed", "none"}},
		{"preflight for another method", preflight(listed, "DELETE"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes → listed",
			"DELETE: not allowed; allowed are GET, HEAD, POST, and in the configuration: PUT → method_not_allowed"}},
		{"preflight for another header", preflight(listed, "PUT", "x-custom,x-other"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "yes → listed", "PUT: allowed",
			"not allowed: x-other → header_not_allowed"}},
		{"preflight of another origin", preflight(unlisted, "DELETE"), newList(), []string{"1", notOwn, "yes", "no", force, anyOf, "no → origin_not_listed", "no"}},
	}
	for _, row := range rows {
		var got []string
		for _, step := range explain.Decision(newPolicy(), &row.request, row.list).Steps {
			text := step.Answer
			if step.Reason != "" {
				text += " → " + string(step.Reason)
			}
			got = append(got, text)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\n%s\nwant\n%s", row.rule, strings.Join(got, "\n"), strings.Join(row.want, "\n"))
		}
	}
}

func TestDecision_FindsWhatListsTheOrigin(t *testing.T) {
	for _, row := range []struct {
		origin  string
		want    []explain.Listing
		nearest origins.NearMiss
	}{
		{"https://both.example.com", []explain.Listing{{"first", "https://both.example.com"}, {"second", "https://both.example.com"}}, origins.NearMiss{}},
		{"https://a.example.org", []explain.Listing{{"second", "https://*.example.org"}}, origins.NearMiss{}},
		{"http://app.example.com", nil, origins.NearMiss{Relation: origins.OtherScheme, Entry: listed}},
	} {
		r := origins.Request{Method: "GET", Path: "/", Origin: []string{row.origin}}
		got := explain.Decision(newPolicy(), &r, newList())
		slices.SortFunc(got.Listings, func(a, b explain.Listing) int { return strings.Compare(a.Integration, b.Integration) })
		if !slices.Equal(got.Listings, row.want) || got.Nearest != row.nearest {
			t.Errorf("%s: %+v, nearest %+v", row.origin, got.Listings, got.Nearest)
		}
	}
}

func TestDecision_BoundsItsListings(t *testing.T) {
	var parts []origins.Part
	for i := range 10_000 {
		parts = append(parts, origins.Part{ID: fmt.Sprint(i), Revision: 1, Origins: []string{listed}})
	}
	r := origins.Request{Method: "GET", Path: "/", Origin: []string{listed}}
	if got := explain.Decision(newPolicy(), &r, origins.NewList(1, parts)); len(got.Listings) != explain.MaxListings {
		t.Errorf("%d listings", len(got.Listings))
	}
}

// Every kind of request by every kind of policy is explained by steps that come to the
// decision.
func TestDecision_ComesToTheDecision(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	lists := []*origins.List{nil, origins.StaleList(), newList(), newList()}
	for range 100_000 {
		method := oneOf(random, "GET", "POST", "PUT", "DELETE")
		r := origins.Request{
			Kind:    oneOf(random, origins.Actual, origins.Preflight, origins.WebSocket),
			Method:  method,
			Path:    oneOf(random, "/", "/callback", "/assets/a"),
			Origin:  oneOf(random, nil, []string{"x", "y"}, []string{"null"}, []string{""}, []string{"https://tenant.example"}, []string{listed}, []string{"https://a.example.org"}, []string{"https://other.example"}),
			Methods: oneOf(random, nil, []string{method}, []string{method, method}),
			Headers: oneOf(random, nil, []string{"x-custom"}, []string{"a b"}),
		}
		r = named(r, oneOf(random, nil, []string{"first"}, []string{"x"}, []string{"first", "second"})...)
		p := newPolicy()
		p.RequireOrigin = oneOf(random, origins.RequireNone, origins.RequireWebSocket, origins.RequireUnsafe)
		checkSteps(t, p, &r, oneOf(random, lists...))
	}
}

func oneOf[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

func checkSteps(t *testing.T, p *origins.Policy, r *origins.Request, list *origins.List) {
	t.Helper()
	want := p.Decide(r, list)
	got := explain.Decision(p, r, list)
	var last origins.Reason
	for _, step := range got.Steps {
		if step.Reason != "" {
			last = step.Reason
		}
	}
	if got.Reason != want || last != want {
		t.Fatalf("%+v: decided %s, explained as %s by %q", *r, want, got.Reason, got.Steps)
	}
}
