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

// twoIntegrations lists one origin in each of two web integrations.
func twoIntegrations() *origins.List {
	return origins.NewList(2, []origins.Part{
		{ID: "first", Revision: 1, Origins: []string{listedOrigin, publicListed}},
		{ID: "second", Revision: 2, Origins: []string{otherListed}},
	})
}

func policy() *origins.Policy {
	return &origins.Policy{
		PublicOrigins:    []string{publicOrigin, publicListed},
		PostFromAnywhere: []string{"/callback"},
		Methods:          []string{"GET", "PUT"},
		RequestHeaders:   []string{"content-type", "x-custom"},
	}
}

func from(origin ...string) origins.Request {
	return origins.Request{Method: "GET", Path: "/", Origin: origin}
}

func post(path string, origin ...string) origins.Request {
	return origins.Request{Method: "POST", Path: path, Origin: origin}
}

func naming(r origins.Request, ids ...string) origins.Request {
	for _, id := range ids {
		r.Integration.Add(id)
	}
	return r
}

func fetchedFrom(site string, r origins.Request) origins.Request {
	r.SecFetchSite = []string{site}
	return r
}

// twice is a request with its Sec-Fetch-Site on two lines.
func twice(r origins.Request) origins.Request {
	r.SecFetchSite = append(r.SecFetchSite, r.SecFetchSite...)
	return r
}

func preflight(origin, method string, headers ...string) origins.Request {
	return origins.Request{Kind: origins.Preflight, Method: "OPTIONS", Path: "/",
		Origin: []string{origin}, Methods: []string{method}, Headers: headers}
}

func TestDecide_GivesOneReasonInOrder(t *testing.T) {
	rows := []struct {
		rule    string
		request origins.Request
		want    origins.Reason
	}{
		{"several origins are repeated", from(listedOrigin, listedOrigin), origins.OriginRepeated},
		{"and no path exempts them", post("/callback", "null", "null"), origins.OriginRepeated},
		{"no origin passes", from(), origins.NoOrigin},
		{"a web integration is not held against no origin", naming(from(), "unknown"), origins.NoOrigin},
		{"a public origin is the same", from(publicOrigin), origins.SameOrigin},
		{"also when it is listed", from(publicListed), origins.SameOrigin},
		{"and names any web integration", naming(from(publicOrigin), "unknown", ""), origins.SameOrigin},
		{"null is opaque", from("null"), origins.OriginOpaque},
		{"null of a same-origin form is the same", fetchedFrom("same-origin", from("null")), origins.SameOrigin},
		{"same-site is not same-origin", fetchedFrom("same-site", from("null")), origins.OriginOpaque},
		{"nor are two lines of it", twice(fetchedFrom("same-origin", from("null"))), origins.OriginOpaque},
		{"nor is it in another case", fetchedFrom("Same-Origin", from("null")), origins.OriginOpaque},
		{"no browser sends it with a preflight", fetchedFrom("same-origin", preflight("null", "PUT")), origins.OriginOpaque},
		{"it makes no other origin the same", fetchedFrom("same-origin", from(unlistedOrigin)), origins.OriginNotListed},
		{"an empty origin is malformed", from(""), origins.OriginMalformed},
		{"and no path exempts it", post("/callback", "https://a.example/"), origins.OriginMalformed},
		{"a listed origin is listed", from(listedOrigin), origins.Listed},
		{"another is not", from(unlistedOrigin), origins.OriginNotListed},
		{"in the web integration it names", naming(from(listedOrigin), "first"), origins.Listed},
		{"named twice alike", naming(from(listedOrigin), "first", "first"), origins.Listed},
		{"not in another one", naming(from(listedOrigin), "second"), origins.OriginNotInWebIntegration},
		{"an unknown one", naming(from(listedOrigin), "third"), origins.WebIntegrationUnknown},
		{"an empty one", naming(from(listedOrigin), ""), origins.WebIntegrationUnknown},
		{"two that differ", naming(from(listedOrigin), "first", "second"), origins.WebIntegrationAmbiguous},
		{"two that differ, and the second again", naming(from(listedOrigin), "second", "first", "first"), origins.WebIntegrationAmbiguous},
		{"two that differ, and the first again", naming(from(listedOrigin), "first", "second", "first"), origins.WebIntegrationAmbiguous},
		{"an unlisted origin that names one", naming(from(unlistedOrigin), "first"), origins.OriginNotInWebIntegration},

		{"a post to an exempt path passes", post("/callback", unlistedOrigin), origins.PathExempt},
		{"also from an opaque origin", post("/callback", "null"), origins.PathExempt},
		{"a listed origin stays listed there", post("/callback", listedOrigin), origins.Listed},
		{"other paths are not exempt", post("/callback/", "null"), origins.OriginOpaque},
		{"nor in another case", post("/Callback", unlistedOrigin), origins.OriginNotListed},
		{"a get to it is not exempt", origins.Request{Method: "GET", Path: "/callback", Origin: []string{"null"}}, origins.OriginOpaque},
		{"nor a WebSocket", origins.Request{Kind: origins.WebSocket, Method: "POST", Path: "/callback", Origin: []string{"null"}}, origins.OriginOpaque},
		{"nor a preflight", origins.Request{Kind: origins.Preflight, Method: "OPTIONS", Path: "/callback",
			Origin: []string{"null"}, Methods: []string{"POST"}}, origins.OriginOpaque},

		{"a preflight for an allowed method", preflight(listedOrigin, "PUT"), origins.Listed},
		{"GET, HEAD and POST are safelisted", preflight(listedOrigin, "POST"), origins.Listed},
		{"HEAD too", preflight(listedOrigin, "HEAD"), origins.Listed},
		{"of a public origin", preflight(publicOrigin, "PUT"), origins.SameOrigin},
		{"for another method", preflight(listedOrigin, "DELETE"), origins.MethodNotAllowed},
		{"of a public origin too", preflight(publicOrigin, "DELETE"), origins.MethodNotAllowed},
		{"methods are case-sensitive", preflight(listedOrigin, "put"), origins.MethodNotAllowed},
		{"an empty method", preflight(listedOrigin, ""), origins.MethodNotAllowed},
		{"the origin comes first", preflight(unlistedOrigin, "DELETE"), origins.OriginNotListed},
		{"for allowed headers", preflight(listedOrigin, "PUT", "content-type,x-custom"), origins.Listed},
		{"in any case, doubled, with spaces, on several lines", preflight(listedOrigin, "PUT", " X-Custom ,, x-custom\t", "Content-Type"), origins.Listed},
		{"for no header", preflight(listedOrigin, "PUT", ""), origins.Listed},
		{"for another header", preflight(listedOrigin, "PUT", "content-type,authorization"), origins.HeaderNotAllowed},
		{"for what is no header", preflight(listedOrigin, "PUT", "content type"), origins.HeaderNotAllowed},
		{"the method comes first", preflight(listedOrigin, "DELETE", "authorization"), origins.MethodNotAllowed},
	}
	list := twoIntegrations()
	for _, row := range rows {
		if got := policy().Decide(&row.request, list); got != row.want {
			t.Errorf("%s: %v, want %v", row.rule, got, row.want)
		}
	}
}

func TestDecide_RefusesTwoMethodLines(t *testing.T) {
	r := preflight(listedOrigin, "PUT")
	r.Methods = []string{"PUT", "PUT"}
	if got := policy().Decide(&r, twoIntegrations()); got != origins.MethodNotAllowed {
		t.Errorf("%v, want method_not_allowed", got)
	}
}

func TestDecide_RefusesWithoutAListWhatNeedsOne(t *testing.T) {
	rows := []struct {
		request origins.Request
		want    origins.Reason
	}{
		{from(listedOrigin), origins.ListUnavailable},
		{naming(from(listedOrigin), "first", "second"), origins.ListUnavailable},
		{preflight(listedOrigin, "PUT"), origins.ListUnavailable},
		{from(), origins.NoOrigin},
		{from(publicOrigin), origins.SameOrigin},
		{from("https://a/"), origins.OriginMalformed},
		{from("null"), origins.OriginOpaque},
		{post("/callback", unlistedOrigin), origins.PathExempt},
	}
	for _, row := range rows {
		if got := policy().Decide(&row.request, nil); got != row.want {
			t.Errorf("%+v: %v, want %v", row.request, got, row.want)
		}
	}
}

func TestDecide_RequiresAnOriginWhereTheOperatorDoes(t *testing.T) {
	websocket := origins.Request{Kind: origins.WebSocket, Method: "GET"}
	rows := []struct {
		requirement origins.Requirement
		request     origins.Request
		want        origins.Reason
	}{
		{origins.RequireNone, websocket, origins.NoOrigin},
		{origins.RequireNone, post("/"), origins.NoOrigin},
		{origins.RequireWebSocket, websocket, origins.OriginRequired},
		{origins.RequireWebSocket, post("/"), origins.NoOrigin},
		{origins.RequireUnsafe, websocket, origins.OriginRequired},
		{origins.RequireUnsafe, post("/"), origins.OriginRequired},
		{origins.RequireUnsafe, post("/callback"), origins.PathExempt},
		{origins.RequireUnsafe, origins.Request{Method: "get"}, origins.OriginRequired},
		{origins.RequireUnsafe, from(), origins.NoOrigin},
		{origins.RequireUnsafe, origins.Request{Method: "HEAD"}, origins.NoOrigin},
		{origins.RequireUnsafe, origins.Request{Method: "OPTIONS"}, origins.NoOrigin},
	}
	for _, row := range rows {
		p := policy()
		p.RequireOrigin = row.requirement
		if got := p.Decide(&row.request, twoIntegrations()); got != row.want {
			t.Errorf("requirement %d, %v %s: %v, want %v", row.requirement, row.request.Kind, row.request.Method, got, row.want)
		}
	}
}

func TestDecide_AllowsAnyHeaderNameForAsterisk(t *testing.T) {
	p := &origins.Policy{RequestHeaders: []string{"*"}}
	rows := []struct {
		rule    string
		headers []string
		want    origins.Reason
	}{
		{"authorization", []string{"authorization"}, origins.Listed},
		{"128 names", []string{strings.Repeat("a,", 127) + "a"}, origins.Listed},
		{"129 names", []string{strings.Repeat("a,", 128) + "a"}, origins.HeaderNotAllowed},
		{"a MiB of commas", []string{strings.Repeat(",", 1<<20)}, origins.HeaderNotAllowed},
		{"1,000 lines of commas", slicesRepeat(",", 1000), origins.HeaderNotAllowed},
		{"a long name", []string{strings.Repeat("a", 129)}, origins.HeaderNotAllowed},
		{"the asterisk itself is a token", []string{"*"}, origins.Listed},
		{"a byte that is in no token", []string{"a\x80"}, origins.HeaderNotAllowed},
	}
	for _, row := range rows {
		r := preflight(listedOrigin, "GET", row.headers...)
		if got := p.Decide(&r, twoIntegrations()); got != row.want {
			t.Errorf("%s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// The bytes of a field name are those of a token (RFC 9110, section 5.6.2).
func TestDecide_HoldsHeaderNamesToTheBytesOfATokenAndNoOthers(t *testing.T) {
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
		if got := p.Decide(&r, twoIntegrations()); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func slicesRepeat(s string, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = s
	}
	return lines
}

func TestReason_StringsAndVerdictsAreTheContract(t *testing.T) {
	want := map[string]origins.Verdict{
		"listed": origins.Allowed, "same_origin": origins.Allowed, "no_origin": origins.Allowed, "path_exempt": origins.Allowed,
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

// Whatever is allowed by the list is, byte for byte, the canonical form of an
// entry; and what the parser makes of the entry is allowed.
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
		request := from(origin)
		allowed := (&origins.Policy{}).Decide(&request, list).Verdict() == origins.Allowed
		if want := err == nil && origin == canonical; allowed != want {
			t.Fatalf("entry %q (%q, %v), origin %q: allowed %v", entry, canonical, err, origin, allowed)
		}
	})
}

// What is refused for its number of names costs as much as the names that are
// looked at.
func TestDecide_RefusesAFloodOfHeaderNamesForNothing(t *testing.T) {
	p := &origins.Policy{RequestHeaders: []string{"*"}}
	list := twoIntegrations()
	for rule, headers := range map[string][]string{
		"a MiB of commas":       {strings.Repeat(",", 1<<20)},
		"1,000 lines of commas": slicesRepeat(",", 1000),
		"a MiB of names":        {strings.Repeat("a,", 1<<19)},
		"one name of a MiB":     {strings.Repeat("a", 1<<20)},
	} {
		r := preflight(listedOrigin, "GET", headers...)
		allocated := testing.AllocsPerRun(10, func() {
			if got := p.Decide(&r, list); got != origins.HeaderNotAllowed {
				t.Fatalf("%s: %v", rule, got)
			}
		})
		if allocated != 0 {
			t.Errorf("%s: %v allocations", rule, allocated)
		}
	}
}
