package origins_test

import (
	"strings"
	"testing"

	"originwarden/origins"
)

const (
	listedOrigin   = "https://app.example.com"
	otherListed    = "https://other.example.com"
	unlistedOrigin = "https://evil.example"
	publicOrigin   = "https://tenant.example"
	publicListed   = "https://both.example"
)

// newList returns a list of two web integrations.
func newList() *origins.List {
	return origins.NewList(2, []origins.Part{
		{ID: "first", Revision: 1, Origins: []string{listedOrigin, publicListed}},
		{ID: "second", Revision: 2, Origins: []string{otherListed}},
	})
}

func newPolicy() *origins.Policy {
	return &origins.Policy{
		PublicOrigins:    []string{publicOrigin, publicListed},
		PostFromAnywhere: []string{"/callback"},
		Methods:          []string{"GET", "PUT"},
		RequestHeaders:   []string{"content-type", "x-custom"},
	}
}

func requestFrom(origin ...string) origins.Request {
	return origins.Request{Method: "GET", Path: "/", Origin: origin}
}

func postFrom(path string, origin ...string) origins.Request {
	return origins.Request{Method: "POST", Path: path, Origin: origin}
}

func withIntegrations(r origins.Request, ids ...string) origins.Request {
	for _, id := range ids {
		r.Integration.Add(id)
	}
	return r
}

func withSecFetchSite(site string, r origins.Request) origins.Request {
	r.SecFetchSite = []string{site}
	return r
}

// withRepeatedSecFetchSite sends the Sec-Fetch-Site header twice.
func withRepeatedSecFetchSite(r origins.Request) origins.Request {
	r.SecFetchSite = append(r.SecFetchSite, r.SecFetchSite...)
	return r
}

func preflight(origin, method string, headers ...string) origins.Request {
	return origins.Request{Kind: origins.Preflight, Method: "OPTIONS", Path: "/",
		Origin: []string{origin}, Methods: []string{method}, Headers: headers}
}

func TestDecide_Reasons(t *testing.T) {
	rows := []struct {
		rule    string
		request origins.Request
		want    origins.Reason
	}{
		{"repeated Origin header", requestFrom(listedOrigin, listedOrigin), origins.OriginRepeated},
		{"repeated Origin header on an exempt path", postFrom("/callback", "null", "null"), origins.OriginRepeated},
		{"no Origin header", requestFrom(), origins.NoOrigin},
		{"no Origin header with a web integration", withIntegrations(requestFrom(), "unknown"), origins.NoOrigin},
		{"public origin", requestFrom(publicOrigin), origins.SameOrigin},
		{"public and listed origin", requestFrom(publicListed), origins.SameOrigin},
		{"public origin with two web integrations", withIntegrations(requestFrom(publicOrigin), "unknown", ""), origins.SameOrigin},
		{"null", requestFrom("null"), origins.OriginOpaque},
		{"null with Sec-Fetch-Site: same-origin", withSecFetchSite("same-origin", requestFrom("null")), origins.SameOrigin},
		{"null with Sec-Fetch-Site: same-site", withSecFetchSite("same-site", requestFrom("null")), origins.OriginOpaque},
		{"null with repeated Sec-Fetch-Site", withRepeatedSecFetchSite(withSecFetchSite("same-origin", requestFrom("null"))), origins.OriginOpaque},
		{"null with Sec-Fetch-Site in upper case", withSecFetchSite("Same-Origin", requestFrom("null")), origins.OriginOpaque},
		{"null preflight with Sec-Fetch-Site, which no browser sends", withSecFetchSite("same-origin", preflight("null", "PUT")), origins.OriginOpaque},
		{"unlisted origin with Sec-Fetch-Site: same-origin", withSecFetchSite("same-origin", requestFrom(unlistedOrigin)), origins.OriginNotListed},
		{"empty Origin header", requestFrom(""), origins.OriginMalformed},
		{"malformed origin on an exempt path", postFrom("/callback", "https://a.example/"), origins.OriginMalformed},
		{"listed origin", requestFrom(listedOrigin), origins.Listed},
		{"unlisted origin", requestFrom(unlistedOrigin), origins.OriginNotListed},
		{"listed in the named web integration", withIntegrations(requestFrom(listedOrigin), "first"), origins.Listed},
		{"same web integration twice", withIntegrations(requestFrom(listedOrigin), "first", "first"), origins.Listed},
		{"listed in another web integration", withIntegrations(requestFrom(listedOrigin), "second"), origins.OriginNotInWebIntegration},
		{"unknown web integration", withIntegrations(requestFrom(listedOrigin), "third"), origins.WebIntegrationUnknown},
		{"empty web integration", withIntegrations(requestFrom(listedOrigin), ""), origins.WebIntegrationUnknown},
		{"two different web integrations", withIntegrations(requestFrom(listedOrigin), "first", "second"), origins.WebIntegrationAmbiguous},
		{"two different web integrations, the second again", withIntegrations(requestFrom(listedOrigin), "second", "first", "first"), origins.WebIntegrationAmbiguous},
		{"two different web integrations, the first again", withIntegrations(requestFrom(listedOrigin), "first", "second", "first"), origins.WebIntegrationAmbiguous},
		{"unlisted origin with a web integration", withIntegrations(requestFrom(unlistedOrigin), "first"), origins.OriginNotInWebIntegration},

		{"POST to an exempt path", postFrom("/callback", unlistedOrigin), origins.PathExempt},
		{"POST from an opaque origin to an exempt path", postFrom("/callback", "null"), origins.PathExempt},
		{"POST from a listed origin to an exempt path", postFrom("/callback", listedOrigin), origins.Listed},
		{"POST to another path", postFrom("/callback/", "null"), origins.OriginOpaque},
		{"POST to the path in another case", postFrom("/Callback", unlistedOrigin), origins.OriginNotListed},
		{"GET of an exempt path", origins.Request{Method: "GET", Path: "/callback", Origin: []string{"null"}}, origins.OriginOpaque},
		{"WebSocket to an exempt path", origins.Request{Kind: origins.WebSocket, Method: "POST", Path: "/callback", Origin: []string{"null"}}, origins.OriginOpaque},
		{"preflight for an exempt path", origins.Request{Kind: origins.Preflight, Method: "OPTIONS", Path: "/callback",
			Origin: []string{"null"}, Methods: []string{"POST"}}, origins.OriginOpaque},

		{"preflight for an allowed method", preflight(listedOrigin, "PUT"), origins.Listed},
		{"preflight for POST, which is safelisted", preflight(listedOrigin, "POST"), origins.Listed},
		{"preflight for HEAD, which is safelisted", preflight(listedOrigin, "HEAD"), origins.Listed},
		{"preflight of a public origin", preflight(publicOrigin, "PUT"), origins.SameOrigin},
		{"preflight for another method", preflight(listedOrigin, "DELETE"), origins.MethodNotAllowed},
		{"preflight of a public origin for another method", preflight(publicOrigin, "DELETE"), origins.MethodNotAllowed},
		{"preflight for a method in another case", preflight(listedOrigin, "put"), origins.MethodNotAllowed},
		{"preflight for an empty method", preflight(listedOrigin, ""), origins.MethodNotAllowed},
		{"unlisted origin before method", preflight(unlistedOrigin, "DELETE"), origins.OriginNotListed},
		{"preflight for allowed headers", preflight(listedOrigin, "PUT", "content-type,x-custom"), origins.Listed},
		{"headers in other case, repeated, with spaces, on several lines", preflight(listedOrigin, "PUT", " X-Custom ,, x-custom\t", "Content-Type"), origins.Listed},
		{"preflight for no header", preflight(listedOrigin, "PUT", ""), origins.Listed},
		{"preflight for another header", preflight(listedOrigin, "PUT", "content-type,authorization"), origins.HeaderNotAllowed},
		{"preflight for an invalid header name", preflight(listedOrigin, "PUT", "content type"), origins.HeaderNotAllowed},
		{"method before header", preflight(listedOrigin, "DELETE", "authorization"), origins.MethodNotAllowed},
	}
	list := newList()
	for _, row := range rows {
		if got := decide(t, newPolicy(), &row.request, list); got != row.want {
			t.Errorf("%s: %v, want %v", row.rule, got, row.want)
		}
	}
}

func TestDecide_RefusesRepeatedMethodHeader(t *testing.T) {
	r := preflight(listedOrigin, "PUT")
	r.Methods = []string{"PUT", "PUT"}
	if got := decide(t, newPolicy(), &r, newList()); got != origins.MethodNotAllowed {
		t.Errorf("Decide = %v, want method_not_allowed", got)
	}
}

func TestDecide_WithoutList(t *testing.T) {
	rows := []struct {
		request origins.Request
		want    origins.Reason
	}{
		{requestFrom(listedOrigin), origins.ListUnavailable},
		{withIntegrations(requestFrom(listedOrigin), "first", "second"), origins.ListUnavailable},
		{preflight(listedOrigin, "PUT"), origins.ListUnavailable},
		{requestFrom(), origins.NoOrigin},
		{requestFrom(publicOrigin), origins.SameOrigin},
		{requestFrom("https://a/"), origins.OriginMalformed},
		{requestFrom("null"), origins.OriginOpaque},
		{postFrom("/callback", unlistedOrigin), origins.PathExempt},
	}
	for _, row := range rows {
		if got := decide(t, newPolicy(), &row.request, nil); got != row.want {
			t.Errorf("%+v: %v, want %v", row.request, got, row.want)
		}
	}
}

func TestDecide_RequireOrigin(t *testing.T) {
	websocket := origins.Request{Kind: origins.WebSocket, Method: "GET"}
	rows := []struct {
		requirement origins.Requirement
		request     origins.Request
		want        origins.Reason
	}{
		{origins.RequireNone, websocket, origins.NoOrigin},
		{origins.RequireNone, postFrom("/"), origins.NoOrigin},
		{origins.RequireWebSocket, websocket, origins.OriginRequired},
		{origins.RequireWebSocket, postFrom("/"), origins.NoOrigin},
		{origins.RequireUnsafe, websocket, origins.OriginRequired},
		{origins.RequireUnsafe, postFrom("/"), origins.OriginRequired},
		{origins.RequireUnsafe, postFrom("/callback"), origins.PathExempt},
		{origins.RequireUnsafe, origins.Request{Method: "get"}, origins.OriginRequired},
		{origins.RequireUnsafe, requestFrom(), origins.NoOrigin},
		{origins.RequireUnsafe, origins.Request{Method: "HEAD"}, origins.NoOrigin},
		{origins.RequireUnsafe, origins.Request{Method: "OPTIONS"}, origins.NoOrigin},
	}
	for _, row := range rows {
		p := newPolicy()
		p.RequireOrigin = row.requirement
		if got := decide(t, p, &row.request, newList()); got != row.want {
			t.Errorf("requirement %d, %v %s: %v, want %v", row.requirement, row.request.Kind, row.request.Method, got, row.want)
		}
	}
}

func TestDecide_AsteriskAllowsEveryHeaderName(t *testing.T) {
	p := &origins.Policy{RequestHeaders: []string{"*"}}
	rows := []struct {
		rule    string
		headers []string
		want    origins.Reason
	}{
		{"authorization", []string{"authorization"}, origins.Listed},
		{"128 names", []string{strings.Repeat("a,", 127) + "a"}, origins.Listed},
		{"129 names", []string{strings.Repeat("a,", 128) + "a"}, origins.HeaderNotAllowed},
		{"1 MiB of commas", []string{strings.Repeat(",", 1<<20)}, origins.HeaderNotAllowed},
		{"1,000 lines of commas", repeat(",", 1000), origins.HeaderNotAllowed},
		{"name of 129 bytes", []string{strings.Repeat("a", 129)}, origins.HeaderNotAllowed},
		{"asterisk as a name", []string{"*"}, origins.Listed},
		{"byte that is not allowed in a token", []string{"a\x80"}, origins.HeaderNotAllowed},
	}
	for _, row := range rows {
		r := preflight(listedOrigin, "GET", row.headers...)
		if got := decide(t, p, &r, newList()); got != row.want {
			t.Errorf("%s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// A field name is a token (RFC 9110, section 5.6.2).
func TestDecide_HeaderNamesAreTokens(t *testing.T) {
	p := &origins.Policy{RequestHeaders: []string{"*"}}
	for b := range 256 {
		name := "a" + string([]byte{byte(b)}) + "a"
		want := origins.HeaderNotAllowed
		switch {
		case b >= '0' && b <= '9', b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b > 0 && b < 0x80 && strings.Contains("!#$%&'*+-.^_`|~", name[1:2]):
			want = origins.Listed
		case b == ',': // two names
			want = origins.Listed
		}
		r := preflight(listedOrigin, "GET", name)
		if got := decide(t, p, &r, newList()); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func repeat(s string, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = s
	}
	return lines
}

func TestReason_StringsAndVerdicts(t *testing.T) {
	want := map[string]origins.Verdict{
		"listed": origins.Allowed, "same_origin": origins.Allowed, "no_origin": origins.Allowed, "path_exempt": origins.Allowed, "path_public": origins.Allowed,
		"origin_not_listed": origins.Refused, "origin_malformed": origins.Refused, "origin_opaque": origins.Refused,
		"origin_repeated": origins.Refused, "origin_required": origins.Refused, "web_integration_unknown": origins.Refused,
		"origin_not_in_web_integration": origins.Refused, "web_integration_ambiguous": origins.Refused,
		"method_not_allowed": origins.Refused, "header_not_allowed": origins.Refused, "list_unavailable": origins.Refused, "list_stale": origins.Refused,
	}
	got := origins.Reasons()
	for _, r := range got {
		if want[string(r)] != r.Verdict() {
			t.Errorf("%v is %v, want %q", r, r.Verdict(), want[string(r)])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d reasons, want %d", len(got), len(want))
	}
	if (origins.Reason("")).Verdict() != origins.Refused {
		t.Error("the zero reason is allowed")
	}
}

// An origin is allowed if and only if it is, byte for byte, the canonical form of
// the entry.
func FuzzDecide_AllowsOnlyListedBytes(f *testing.F) {
	cases, entries := readCases(f)
	for _, c := range cases {
		f.Add(c.value, c.value)
		for _, e := range entries[:2] {
			f.Add(e, c.value)
		}
	}
	f.Fuzz(func(t *testing.T, entry, origin string) {
		canonical, err := origins.ParseEntry(entry)
		var part origins.Part
		if err == nil {
			part.Origins = []string{canonical}
		}
		list := origins.NewList(1, []origins.Part{part})
		request := requestFrom(origin)
		allowed := (&origins.Policy{}).Decide(&request, list).Verdict() == origins.Allowed
		if want := err == nil && origin == canonical; allowed != want {
			t.Fatalf("entry %q (%q, %v), origin %q: allowed %v", entry, canonical, err, origin, allowed)
		}
	})
}

// A request with too many header names must not cause allocations.
func TestDecide_DoesNotAllocateForTooManyHeaderNames(t *testing.T) {
	p := &origins.Policy{RequestHeaders: []string{"*"}}
	list := newList()
	for rule, headers := range map[string][]string{
		"1 MiB of commas":       {strings.Repeat(",", 1<<20)},
		"1,000 lines of commas": repeat(",", 1000),
		"1 MiB of names":        {strings.Repeat("a,", 1<<19)},
		"one name of 1 MiB":     {strings.Repeat("a", 1<<20)},
	} {
		r := preflight(listedOrigin, "GET", headers...)
		allocated := testing.AllocsPerRun(10, func() {
			if got := p.Decide(&r, list); got != origins.HeaderNotAllowed {
				t.Fatalf("%s: %v", rule, got)
			}
		})
		if allocated != 0 {
			t.Errorf("%s: %v allocations, want 0", rule, allocated)
		}
	}
}
