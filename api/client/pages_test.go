package client_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/api/client"
	"originwarden/store"
)

// createWebIntegrations creates n web integrations, five of each name, and
// returns them in the order of the API.
func createWebIntegrations(t *testing.T, s store.Store, n int) []store.WebIntegration {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	var all []store.WebIntegration
	for i := range n {
		w, err := s.Create(t.Context(), store.WebIntegration{
			ID: store.NewID(), TenantID: "acme", Name: fmt.Sprintf("name %02d", i/5), Created: now, LastUpdated: now,
			ValidOrigins: []string{"https://a.example"},
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b store.WebIntegration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func ids(all []store.WebIntegration) []string {
	var ids []string
	for _, w := range all {
		ids = append(ids, w.ID)
	}
	return ids
}

func reversed(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

// listIDs returns the ids that All yields.
func listIDs(t *testing.T, c *client.Client, options client.ListOptions) []string {
	t.Helper()
	var ids []string
	for w, err := range c.All(t.Context(), options) {
		if err != nil {
			t.Fatalf("All(%+v): %v", options, err)
		}
		ids = append(ids, w.ID)
	}
	return ids
}

func TestAll_YieldsEachWebIntegrationInOrder(t *testing.T) {
	handler, s := newAPI(t)
	all := ids(createWebIntegrations(t, s, 250))
	requests := 0
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		handler.ServeHTTP(w, r)
	}))
	for _, row := range []struct {
		rule     string
		options  client.ListOptions
		want     []string
		requests int
	}{
		{"pages of 100", client.ListOptions{}, all, 3},
		{"page boundary among equal names", client.ListOptions{Limit: 7}, all, 36},
		{"full last page", client.ListOptions{Limit: 50}, all, 5},
		{"by name", client.ListOptions{Sort: "name"}, all, 3},
		{"by +name", client.ListOptions{Sort: "+name"}, all, 3},
		{"by -name", client.ListOptions{Sort: "-name", Limit: 33}, reversed(all), 8},
		{"starting after one", client.ListOptions{StartingAfter: all[9], Limit: 60}, all[10:], 4},
		{"starting after the last", client.ListOptions{StartingAfter: all[249]}, nil, 1},
		{"ending before one", client.ListOptions{EndingBefore: all[9], Limit: 5}, all[4:9], 1},
		{"own tenant", client.ListOptions{TenantID: "acme"}, all, 3},
		{"other tenant", client.ListOptions{TenantID: "globex"}, nil, 1},
	} {
		requests = 0
		if got := listIDs(t, c, row.options); !slices.Equal(got, row.want) || requests != row.requests {
			t.Errorf("%s: %d ids in %d requests, want %d in %d", row.rule, len(got), requests, len(row.want), row.requests)
		}
	}
}

func TestAll_RequestsOnlyNeededPages(t *testing.T) {
	handler, s := newAPI(t)
	createWebIntegrations(t, s, 30)
	requests := 0
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		handler.ServeHTTP(w, r)
	}))
	seen := 0
	for _, err := range c.All(t.Context(), client.ListOptions{Limit: 10}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 20 {
			break
		}
	}
	if requests != 2 {
		t.Errorf("%d requests for %d web integrations, want 2", requests, seen)
	}
}

func TestPage_ReturnsLinksAndRawBody(t *testing.T) {
	handler, s := newAPI(t)
	all := ids(createWebIntegrations(t, s, 9))
	c := newClient(t, handler)
	page, err := c.Page(t.Context(), client.ListOptions{StartingAfter: all[2], Limit: 3, Sort: "+name", TenantID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	for link, cursor := range map[string]string{page.Next: "startingAfter=" + all[5], page.Prev: "endingBefore=" + all[3]} {
		if !strings.HasPrefix(link, c.Server+"/api/v1/web-integrations?") || !strings.Contains(link, cursor) || !strings.Contains(link, "limit=3") || !strings.Contains(link, "sort=%2Bname") {
			t.Errorf("link %s, want one with %s", link, cursor)
		}
	}
	if !strings.HasPrefix(string(page.Raw), `{"data":[{"id":"`+all[3]) {
		t.Errorf("Raw = %s, want a page that begins with %s", page.Raw, all[3])
	}
}

func TestPage_ReportsInvalidParameter(t *testing.T) {
	c := newAPIClient(t)
	for parameter, l := range map[string]client.ListOptions{
		"limit":         {Limit: 101},
		"sort":          {Sort: "created"},
		"startingAfter": {StartingAfter: store.NewID()},
		"endingBefore":  {EndingBefore: "x"},
	} {
		_, err := c.Page(t.Context(), l)
		refused, ok := errors.AsType[*client.Error](err)
		if !ok || refused.Status != 400 || refused.Errors[0].Source.Parameter != parameter || !strings.Contains(err.Error(), " at "+parameter+": ") {
			t.Errorf("Page(%+v): error %v, want status 400 at %s", l, err, parameter)
		}
		for _, err := range c.All(t.Context(), l) {
			if statusOf(err) != 400 {
				t.Errorf("All(%+v): error %v, want status 400", l, err)
			}
		}
	}
}

// pageWithNext returns a page of one web integration with a link to the next page.
func pageWithNext(next string) string {
	href, _ := json.Marshal(next)
	return fmt.Sprintf(`{"data":[{"id":"x"}],"links":{"next":{"href":%s}}}`, href)
}

func TestPages_FollowsLinkUnchanged(t *testing.T) {
	var requested []string
	var server string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested = append(requested, r.RequestURI)
		if len(requested) == 1 {
			w.Write([]byte(pageWithNext(strings.ToUpper(server) + "/else/../where//%2e%2F?b=%zz&a;b=+&a")))
			return
		}
		w.Write([]byte(`{"data":[]}`))
	}))
	server = c.Server
	listIDs(t, c, client.ListOptions{})
	if len(requested) != 2 || requested[1] != "/else/../where//%2e%2F?b=%zz&a;b=+&a" {
		t.Errorf("requested %q, want the link second", requested)
	}
}

func TestPages_RejectsLinkToOtherServer(t *testing.T) {
	otherServer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("unexpected request to %s with headers %v", r.Host, r.Header)
	}))
	defer otherServer.Close()
	var next string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(pageWithNext(next))) }))
	host := strings.TrimPrefix(c.Server, "http://")
	for _, next = range []string{
		otherServer.URL + "/api/v1/web-integrations",
		"https://" + host + "/", "http://localhost/", "http://127.0.0.1/", "http://sub." + host + "/", "http://" + host + ".evil.example/",
		"http://u:p@" + host + "/", "http://" + host + "@" + strings.TrimPrefix(otherServer.URL, "http://") + "/",
		"/api/v1/web-integrations?startingAfter=x", "//" + host + "/", "?x", "http:" + host, "http://" + host + "\\@evil.example/", "http://[", "\x00",
		c.Server + "/?" + strings.Repeat("x", 1<<20),
	} {
		pages := 0
		var last error
		for page, err := range c.Pages(t.Context(), client.ListOptions{}) {
			pages++
			if last = err; (page == nil) != (err != nil) {
				t.Errorf("link %.80q: page %v with error %v", next, page, err)
			}
		}
		if pages != 2 || !errors.Is(last, client.ErrOtherServer) || len(last.Error()) > 1000 {
			t.Errorf("link %.80q: %d pages, error %v, want 2 and ErrOtherServer", next, pages, last)
		}
	}
}

func TestPages_FollowsLinkWithDefaultPort(t *testing.T) {
	requests := 0
	c := newInMemoryClient(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests == 1 {
			w.Write([]byte(pageWithNext("https://ACME.example.com:443/x")))
			return
		}
		w.Write([]byte(`{"data":[]}`))
	}))
	if listIDs(t, c, client.ListOptions{}); requests != 2 {
		t.Errorf("%d requests, want 2", requests)
	}
}

func TestPages_EndsAtLoopOfLinks(t *testing.T) {
	var body string
	c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
	loop := pageWithNext(c.Server + "/api/v1/web-integrations?limit=100")
	for _, body = range []string{loop, strings.Replace(loop, `{"id":"x"}`, "", 1)} {
		var errs []error
		for _, err := range c.All(t.Context(), client.ListOptions{}) {
			if errs = append(errs, err); len(errs) == 5 {
				break
			}
		}
		if last := errs[len(errs)-1]; last == nil || len(errs) > 2 {
			t.Errorf("page %s: errors %v, want an error after at most one web integration", body, errs)
		}
	}
}

func TestAll_StopsWhenContextIsCanceled(t *testing.T) {
	handler, s := newAPI(t)
	createWebIntegrations(t, s, 20)
	c := newClient(t, handler)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for _, err := range c.All(ctx, client.ListOptions{Limit: 10}) {
		errs = append(errs, err)
		cancel()
	}
	if len(errs) != 11 || !errors.Is(errs[10], context.Canceled) {
		t.Errorf("errors %v, want context.Canceled after ten web integrations", errs)
	}
}
