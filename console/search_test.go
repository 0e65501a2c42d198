package console_test

import (
	"fmt"
	"html"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/console/gatewaytest"
	"originwarden/store"
	"originwarden/store/sqlite"
)

// startLarge is start with 3,000 web integrations of acme and 10,100 of other. Their
// names are numbers, some with a word.
func startLarge(t *testing.T) *gatewaytest.Gateway {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, gatewaytest.StoreFile), Limits: store.Limits{Integrations: 10_100, Origins: 10_100}})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, "acme", 3000)
	fill(t, s, "other", 10_100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return gatewaytest.StartIn(t, dir, configuration(t, gatewaytest.Token("reader", "*", "reader")))
}

func fill(t *testing.T, s *sqlite.Store, tenant string, n int) {
	t.Helper()
	at := time.Unix(1e9, 0).UTC()
	var writes []store.Write
	for i := range n {
		one := store.WebIntegration{ID: store.NewID(), TenantID: tenant, Name: numberedName(i, n), CreatedBy: "olga", Created: at, LastUpdated: at}
		writes = append(writes, store.Write{Tenant: tenant, ID: one.ID, Make: func(*store.WebIntegration) (*store.WebIntegration, error) { return &one, nil }})
	}
	refused, err := s.Batch(t.Context(), writes)
	if i := slices.IndexFunc(refused, func(err error) bool { return err != nil }); err != nil || i >= 0 {
		t.Fatal(err, refused)
	}
}

// numberedName returns the name of the ith web integration of n.
func numberedName(i, n int) string {
	name := fmt.Sprintf("%05d", i)
	if i == 1 || i == n-2 {
		name += " end"
	}
	if i == n-2 {
		name += " last"
	}
	if i%300 == 150 {
		name += " spread"
	}
	if i%48 == 3 {
		name += " often"
	}
	return name
}

func TestSearch_FillsPagesAndGoesBack(t *testing.T) {
	g := startLarge(t)
	b := g.SignIn(t, "reader")
	for _, row := range []struct {
		rule, tenant, query, sort string
		pages                     []int // the rows of each
	}{
		{"few that are far apart are one page", "acme", "spread", "", []int{10}},
		{"the first and the last are one page", "acme", "end", "", []int{2}},
		{"also in the other order", "acme", "end", "-name", []int{2}},
		{"many fill their pages", "acme", "often", "", []int{25, 25, 13}},
		{"many in the other order", "acme", "often", "-name", []int{25, 25, 13}},
		{"many side by side", "acme", "029", "", []int{25, 25, 25, 25, 13}},
		{"a page ends when much was searched", "other", "end", "", []int{1, 1}},
		{"also if nothing was found", "other", "last", "", []int{0, 1}},
		{"the last page may be empty", "other", "last", "-name", []int{1, 0}},
		{"nothing", "acme", "nothing", "", []int{0}},
		{"nothing in more than is searched at once", "other", "nothing", "", []int{0, 0}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			want := matchingPages(row.tenant, row.query, row.sort != "", row.pages)
			path := "/tenants/" + row.tenant + "/web-integrations"
			link, forward := followPages(b, path, "?q="+row.query+"&sort="+row.sort, "next")
			if fmt.Sprint(forward) != fmt.Sprint(want) {
				t.Errorf("forward: %q, want %q", forward, want)
			}
			_, backward := followPages(b, path, link, "prev")
			if slices.Reverse(backward); fmt.Sprint(backward) != fmt.Sprint(want) {
				t.Errorf("backward: %q, want %q", backward, want)
			}
		})
	}
}

// matchingPages returns the names that a search finds, in pages of some lengths.
func matchingPages(tenant, query string, descending bool, lengths []int) (pages [][]string) {
	n := map[string]int{"acme": 3000, "other": 10_100}[tenant]
	var all []string
	for i := range n {
		if name := numberedName(i, n); strings.Contains(name, query) {
			all = append(all, name)
		}
	}
	if descending {
		slices.Reverse(all)
	}
	for _, length := range lengths {
		length = min(length, len(all))
		pages, all = append(pages, all[:length]), all[length:]
	}
	if len(all) > 0 {
		pages = append(pages, all) // which no test wants
	}
	return pages
}

// followPages follows the links of a kind. It returns the last one and the names on the
// pages.
func followPages(b *gatewaytest.Browser, path, from, kind string) (last string, pages [][]string) {
	for link := from; link != ""; {
		last = link
		_, page := b.Get(path + link)
		names := []string{}
		for _, found := range regexp.MustCompile(`<bdi>(\d{5}[^<]*)</bdi>`).FindAllStringSubmatch(page, -1) {
			names = append(names, found[1])
		}
		pages, link = append(pages, names), ""
		if found := regexp.MustCompile(`href="([^"]*)" rel="` + kind + `"`).FindStringSubmatch(page); found != nil {
			link = html.UnescapeString(found[1])
		}
	}
	return last, pages
}
