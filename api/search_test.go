package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"originwarden/api"
	"originwarden/origins"
)

func TestList_FindsByOrigin(t *testing.T) {
	g := newTestAPI(t)
	g.permit(origins.OwnPatterns)
	g.create("exact", "https://Shop.example:443/", "http://localhost:3000")
	g.create("pattern", "https://*.shop.example", "https://other.example")
	g.create("unicode", "https://bücher.example")
	g.create("twice", "https://shop.example", "https://SHOP.example")
	g.create("opaque", "capacitor://localhost")
	g.create("empty")
	g.createForeign()
	for _, row := range []struct{ rule, origin, names string }{
		{"as browsers send it", "https://shop.example", "exact twice"},
		{"upper case", "HTTPS://SHOP.EXAMPLE", "exact twice"},
		{"default port and slash", "https://shop.example:443/", "exact twice"},
		{"another scheme", "http://shop.example", ""},
		{"another port", "https://shop.example:8443", ""},
		{"Unicode host", "https://bücher.example", "unicode"},
		{"canonical form of a Unicode host", "https://xn--bcher-kva.example", "unicode"},
		{"origin that a pattern matches", "https://a.shop.example", "pattern"},
		{"the pattern", "https://*.Shop.example/", "pattern"},
		{"another pattern", "https://*.other.example", ""},
		{"origin below the pattern's label", "https://a.b.shop.example", ""},
		{"application", "capacitor://localhost", "opaque"},
		{"part of an origin", "https://shop", ""},
	} {
		if got := g.list("?origin=" + url.QueryEscape(row.origin)).names(); got != row.names {
			t.Errorf("%s: %s lists %q, want %q", row.rule, row.origin, got, row.names)
		}
	}
}

// A pattern that the tenant's configuration does not permit lists nothing, but can be
// found to be removed.
func TestList_FindsPatternThatIsNotPermitted(t *testing.T) {
	g := newTestAPI(t)
	g.permit(origins.HostedPatterns)
	g.create("pattern", "https://*.shop.example")
	g.permit(origins.NoPatterns)
	for origin, names := range map[string]string{"https://a.shop.example": "", "https://*.shop.example": "pattern"} {
		if got := g.list("?origin=" + origin).names(); got != names {
			t.Errorf("%s: %q, want %q", origin, got, names)
		}
	}
}

func TestList_FindsByText(t *testing.T) {
	g := newTestAPI(t)
	g.create("Shop in Zürich", "https://shop.example")
	g.create(`100%_<b>"quoted"</b>\`, "http://localhost:3000")
	g.create("other", "https://SHOP.other.example")
	g.createForeign()
	for _, row := range []struct{ rule, text, names string }{
		{"name or origin", "shop", "Shop in Zürich other"},
		{"another case", "sHoP", "Shop in Zürich other"},
		{"another case of a letter that is not ASCII", "ZÜRICH", "Shop in Zürich"},
		{"part of an origin", "host:30", `100%_<b>"quoted"</b>\`},
		{"wildcards of SQL are text", "0%_<", `100%_<b>"quoted"</b>\`},
		{"no wildcard", "s%p", ""},
		{"across name and origin", "otherhttps", ""},
		{"empty", "", `100%_<b>"quoted"</b>\ Shop in Zürich other`},
		{"256 characters", strings.Repeat("ü", 256), ""},
	} {
		if got := g.list("?q=" + url.QueryEscape(row.text)).names(); got != row.names {
			t.Errorf("%s: %q finds %q, want %q", row.rule, row.text, got, row.names)
		}
	}
}

func TestList_RefusesInvalidSearch(t *testing.T) {
	g := newTestAPI(t)
	for query, parameter := range map[string]string{
		"origin=":                            "origin",
		"origin=shop.example":                "origin",
		"origin=https://shop.example/path":   "origin",
		"origin=null":                        "origin",
		"origin=*":                           "origin",
		"origin=https://a%00b.example":       "origin",
		"origin=%ff":                         "origin",
		"q=%ff":                              "q",
		"q=" + strings.Repeat("a", 257):      "q",
		"q=a&origin=x":                       "origin",
		"origin=https://a.example&limit=101": "limit",
		"q=a&startingAfter=" + strings.Repeat("x", 32): "startingAfter",
	} {
		got := g.send(request{path: collection + "?" + query})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"parameter":"`+parameter+`"`) {
			t.Errorf("%s: status %d, %s; want 400 about %s", query, got.status, got.body, parameter)
		}
	}
}

func TestList_CombinesSearchWithOtherParameters(t *testing.T) {
	g := newTestAPI(t)
	for i := range 7 {
		g.create(fmt.Sprintf("app %d", i), "https://app.example", fmt.Sprintf("https://%d.example", i%2))
	}
	g.create("another", "https://app.example")
	for _, row := range []struct{ query, pages string }{
		{"?origin=HTTPS://app.example/&limit=3", "another app 0 app 1/app 2 app 3 app 4/app 5 app 6"},
		{"?q=APP+&limit=4", "app 0 app 1 app 2 app 3/app 4 app 5 app 6"},
		{"?q=APP+&limit=4&sort=-name", "app 6 app 5 app 4 app 3/app 2 app 1 app 0"},
		{"?origin=https://0.example&q=app&limit=2&q=ignored", "app 0 app 2/app 4 app 6"},
		{"?origin=https://app.example&tenantId=acme&q=an", "another"},
		{"?origin=https://app.example&tenantId=other", ""},
	} {
		first := g.list(row.query)
		pages, last := []string{first.names()}, first
		for last.next() != "" {
			last = g.list(last.next())
			pages = append(pages, last.names())
		}
		if got := strings.Join(pages, "/"); got != row.pages {
			t.Errorf("%s: pages %q, want %q", row.query, got, row.pages)
		}
		back := []string{last.names()}
		for last.prev() != "" {
			last = g.list(last.prev())
			back = append([]string{last.names()}, back...)
		}
		if len(pages) > 1 && strings.Join(strings.Fields(strings.Join(back, " ")), " ") != strings.Join(strings.Fields(strings.Join(pages, " ")), " ") {
			t.Errorf("%s: back through %q, want %q", row.query, back, pages)
		}
		self, err := url.Parse(first.Links.Self.Href)
		want, _ := url.ParseQuery(row.query[1:])
		if got := self.Query(); err != nil || got.Get("origin") != want.Get("origin") || got.Get("q") != want.Get("q") {
			t.Errorf("%s: self is %s", row.query, first.Links.Self.Href)
		}
	}
	if got := g.list("?q=app&limit=0"); got.names() != "" || got.next() != "" {
		t.Errorf("limit=0: %+v, want an empty page", got)
	}
}

func TestList_FindsOriginAsSoonAsItIsListed(t *testing.T) {
	g := newTestAPI(t)
	one := g.create("one", "https://a.example")
	g.list("?origin=https://a.example") // the list is loaded
	g.patch(one.ID, `[{"op":"replace","path":"/validOrigins","value":["https://b.example"]}]`)
	if old, now := g.list("?origin=https://a.example").names(), g.list("?origin=https://b.example").names(); old != "" || now != "one" {
		t.Errorf("after the patch, %q lists the old origin, and %q the new one", old, now)
	}
	g.send(request{method: http.MethodDelete, path: collection + "/" + one.ID})
	if now := g.list("?origin=https://b.example").names(); now != "" {
		t.Errorf("after the deletion, %q lists the origin", now)
	}
}

// listHook has another list in force.
type listHook struct {
	origins *origins.List
	err     error
	api.Lists
}

func (h listHook) List(context.Context, string) (*origins.List, error) { return h.origins, h.err }

func TestList_FindsNoOriginWithoutList(t *testing.T) {
	for name, list := range map[string]listHook{
		"stale list":       {origins: origins.StaleList()},
		"list unavailable": {err: errors.New("no route")},
	} {
		g := newTestAPI(t)
		list.Lists = g.lists
		log := &errorLog{}
		g.config.Lists, g.config.Log = list, log.log
		g.serve(func(h http.Handler) http.Handler { return h })
		g.create("one", "https://a.example")
		if got := g.send(request{path: collection + "?origin=https://a.example"}); got.status != http.StatusServiceUnavailable || log.len() != 1 {
			t.Errorf("%s: status %d, %s, logged %d times; want 503, once", name, got.status, got.body, log.len())
		}
		if got := g.list("?q=a.example").names(); got != "one" {
			t.Errorf("%s: the search for a text finds %q, want one", name, got)
		}
	}
}
