package api_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"originwarden/api"
	"originwarden/store"
)

type page struct {
	Data  []integration `json:"data"`
	Links struct {
		Self struct{ Href string }
		Next *struct{ Href string }
		Prev *struct{ Href string }
	} `json:"links"`
}

func (p page) names() string {
	names := make([]string, len(p.Data))
	for i, w := range p.Data {
		names[i] = w.Name
	}
	return strings.Join(names, " ")
}

func (p page) next() string {
	if p.Links.Next == nil {
		return ""
	}
	return p.Links.Next.Href
}

func (p page) prev() string {
	if p.Links.Prev == nil {
		return ""
	}
	return p.Links.Prev.Href
}

// list requests a page. from is a query or a link.
func (g *testAPI) list(from string) page {
	g.t.Helper()
	if !strings.HasPrefix(from, "http") {
		from = collection + from
	}
	got := g.send(request{path: from})
	if got.status != http.StatusOK {
		g.t.Fatalf("GET %s: status %d: %s", from, got.status, got.body)
	}
	var p page
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		g.t.Fatal(err)
	}
	return p
}

func TestList_EmptyReturnsEmptyArrayAndSelfLink(t *testing.T) {
	g := newTestAPI(t)
	got := g.send(request{path: collection})
	want := `{"data":[],"links":{"self":{"href":"` + g.url + collection + `"}}}`
	if got.status != http.StatusOK || got.body != want {
		t.Errorf("status %d, body %s, want 200, %s", got.status, got.body, want)
	}
}

func TestList_ReturnsObjectsWithoutLinks(t *testing.T) {
	g := newTestAPI(t)
	g.create("one", "https://a.example")
	one := g.list("").Data[0]
	want := fmt.Sprintf(`{"data":[%s],"links":{"self":{"href":"%s%s"}}}`, g.read(one.ID).body, g.url, collection)
	if got := g.send(request{path: collection}); got.body != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
}

func TestList_SortsByName(t *testing.T) {
	g := newTestAPI(t)
	for _, name := range []string{"b", "a", "B", "ä", "c"} {
		g.create(name)
	}
	for _, tt := range []struct{ query, want string }{
		{"", "B a b c ä"},
		{"?sort=name", "B a b c ä"},
		{"?sort=%2Bname", "B a b c ä"},
		{"?sort=+name", "B a b c ä"},
		{"?sort=-name", "ä c b a B"},
	} {
		if got := g.list(tt.query).names(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

func TestList_DefaultLimitIsTen(t *testing.T) {
	g := newTestAPI(t)
	for i := range 11 {
		g.create(fmt.Sprintf("n%02d", i))
	}
	for query, want := range map[string]int{"": 10, "?limit=0": 0, "?limit=1": 1, "?limit=11": 11, "?limit=100": 11} {
		if got := len(g.list(query).Data); got != want {
			t.Errorf("%s: %d entries, want %d", query, got, want)
		}
	}
}

func TestList_LimitZeroReturnsOnlySelfLink(t *testing.T) {
	g := newTestAPI(t)
	g.create("one")
	got := g.send(request{path: collection + "?limit=0"})
	if want := `{"data":[],"links":{"self":{"href":"` + g.url + collection + `?limit=0"}}}`; got.body != want {
		t.Errorf("%s, want %s", got.body, want)
	}
}

func TestList_PagesDoNotRepeatOrSkipEqualNames(t *testing.T) {
	for _, order := range []string{"+name", "-name"} {
		t.Run(order, func(t *testing.T) {
			g := newTestAPI(t)
			var want []string
			for i := range 13 {
				want = append(want, g.create([]string{"same", "same", "other"}[i%3]).ID)
			}
			var forward, back []string
			var last page
			for at := "?limit=4&sort=" + url.QueryEscape(order); at != ""; at = last.next() {
				last = g.list(at)
				forward = append(forward, ids(last)...)
			}
			for at := last; ; at = g.list(at.prev()) {
				back = append(ids(at), back...)
				if at.prev() == "" {
					break
				}
			}
			if !slices.Equal(forward, back) {
				t.Errorf("forward %v\nback    %v", forward, back)
			}
			slices.Sort(forward)
			slices.Sort(want)
			if !slices.Equal(forward, want) {
				t.Errorf("paged %v\nwant %v", forward, want)
			}
		})
	}
}

func ids(p page) []string {
	all := make([]string, len(p.Data))
	for i, w := range p.Data {
		all[i] = w.ID
	}
	return all
}

func TestList_LinksAreAbsoluteAndKeepParameters(t *testing.T) {
	g := newTestAPI(t)
	for i := range 6 {
		g.create(fmt.Sprintf("n%d", i))
	}
	base := g.url + collection
	all := g.list("")
	if all.Links.Self.Href != base || all.next() != "" || all.prev() != "" {
		t.Errorf("links of a complete list: %+v", all.Links)
	}
	id := func(i int) string { return all.Data[i].ID }
	p := g.list("?limit=2&sort=+name&tenantId=acme&startingAfter=" + id(1) + "&unknown=x")
	filters := "?limit=2&sort=%2Bname"
	for _, tt := range []struct{ what, got, want string }{
		{"self", p.Links.Self.Href, base + filters + "&startingAfter=" + id(1) + "&tenantId=acme"},
		{"next", p.next(), base + filters + "&startingAfter=" + id(3) + "&tenantId=acme"},
		{"prev", p.prev(), base + "?endingBefore=" + id(2) + "&limit=2&sort=%2Bname&tenantId=acme"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s link %s, want %s", tt.what, tt.got, tt.want)
		}
	}
	if got := g.list(p.next()).names(); got != "n4 n5" {
		t.Errorf("page of the next link: %s", got)
	}
	if got := g.list(p.prev()).names(); got != "n0 n1" {
		t.Errorf("page of the prev link: %s", got)
	}
}

func TestList_UsesFirstOfRepeatedParameters(t *testing.T) {
	g := newTestAPI(t)
	for i := range 6 {
		g.create(fmt.Sprintf("n%d", i))
	}
	first := g.list("?limit=2&sort=-name&limit=abc&sort=abc&tenantId=acme&tenantId=globex")
	second := g.list(first.next() + "&limit=10&sort=+name")
	if got := first.names() + " | " + second.names(); got != "n5 n4 | n3 n2" {
		t.Errorf("pages: %s", got)
	}
}

func TestList_RefusesInvalidParameters(t *testing.T) {
	g := newTestAPI(t)
	own, foreign := g.create("own").ID, g.createForeign()
	for _, tt := range []struct{ query, want string }{
		{"limit=", "WEBINTEGRATIONS-6 limit"},
		{"limit=101", "WEBINTEGRATIONS-6 limit"},
		{"limit=-1", "WEBINTEGRATIONS-6 limit"},
		{"limit=%2B1", "WEBINTEGRATIONS-6 limit"},
		{"limit=abc", "WEBINTEGRATIONS-6 limit"},
		{"limit=1.0", "WEBINTEGRATIONS-6 limit"},
		{"limit=18446744073709551617", "WEBINTEGRATIONS-6 limit"},
		{"sort=", "WEBINTEGRATIONS-6 sort"},
		{"sort=created", "WEBINTEGRATIONS-6 sort"},
		{"sort=Name", "WEBINTEGRATIONS-6 sort"},
		{"startingAfter=", "WEBINTEGRATIONS-6 startingAfter"},
		{"startingAfter=x", "WEBINTEGRATIONS-6 startingAfter"},
		{"startingAfter=" + store.NewID(), "WEBINTEGRATIONS-6 startingAfter"},
		{"startingAfter=" + foreign, "WEBINTEGRATIONS-6 startingAfter"},
		{"endingBefore=", "WEBINTEGRATIONS-6 endingBefore"},
		{"endingBefore=" + store.NewID(), "WEBINTEGRATIONS-6 endingBefore"},
		{"endingBefore=" + foreign, "WEBINTEGRATIONS-6 endingBefore"},
		{"startingAfter=" + own + "&endingBefore=" + own, "WEBINTEGRATIONS-6 endingBefore"},
		{"limit=-1&sort=x", "WEBINTEGRATIONS-6 limit, WEBINTEGRATIONS-6 sort"},
		{"limit=%zz", "BAD_REQUEST"},
		{"limit=1;sort=name", "BAD_REQUEST"},
	} {
		t.Run(tt.query, func(t *testing.T) {
			got := g.send(request{path: collection + "?" + tt.query})
			if got.status != http.StatusBadRequest || got.problems(t) != tt.want {
				t.Errorf("status %d, body %s, want 400, %s", got.status, got.body, tt.want)
			}
		})
	}
}

func TestList_ParameterErrorHasNoPointer(t *testing.T) {
	got := newTestAPI(t).send(request{path: collection + "?limit=abc"})
	if source := got.document(t).Errors[0].Source; source.Parameter != "limit" || source.Pointer != "" {
		t.Errorf("source %+v", source)
	}
}

func TestList_ReturnsOnlyOwnTenant(t *testing.T) {
	g := newTestAPI(t)
	g.createForeign()
	g.create("own")
	for query, want := range map[string]string{
		"": "own", "?tenantId=acme": "own", "?tenantId=globex": "", "?tenantId=": "", "?tenantId=globex&limit=1": "",
	} {
		p := g.list(query)
		if p.names() != want || p.Links.Self.Href != g.url+collection+sortQuery(query) {
			t.Errorf("%s: names %q, self link %s, want %q", query, p.names(), p.Links.Self.Href, want)
		}
	}
}

// sortQuery returns query with its parameters in the order that links have.
func sortQuery(query string) string {
	if query == "" {
		return ""
	}
	values, _ := url.ParseQuery(query[1:])
	return "?" + values.Encode()
}

func TestLinks_UseSchemeAndHostOfRequestURL(t *testing.T) {
	g := newTestAPI(t)
	handler := api.New(g.config).Tenant("acme")
	for _, tt := range []struct {
		rule         string
		scheme, host string // of the request's URL
		tls          *tls.ConnectionState
		want         string
	}{
		{"request URL", "https", "public.example:8443", nil, "https://public.example:8443"},
		{"request URL over TLS", "http", "public.example", &tls.ConnectionState{}, "http://public.example"},
		{"Host", "", "", nil, "http://inner.example"},
		{"Host over TLS", "", "", &tls.ConnectionState{}, "https://inner.example"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r := request{path: collection}.build(t, "http://inner.example")
			r.Host, r.TLS = "inner.example", tt.tls
			r.URL.Scheme, r.URL.Host = tt.scheme, tt.host
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("X-Forwarded-Proto", "gopher")
			want := `{"data":[],"links":{"self":{"href":"` + tt.want + collection + `"}}}`
			if got := serve(t, handler, r); got.body != want {
				t.Errorf("%s, want %s", got.body, want)
			}
		})
	}
}
