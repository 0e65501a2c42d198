package decide_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// readTable returns the rows of a table of the product's own tests, and its comments.
func readTable(t *testing.T, name string) (table [][]string, comments string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "# ") {
			comments += line
			continue
		}
		table = append(table, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if len(table) < 100 {
		t.Fatalf("%s: %d rows, want at least 100", name, len(table))
	}
	return table, comments
}

// lineAfter returns the words of the line of comments that begins with a text.
func lineAfter(t *testing.T, comments, text string) []string {
	t.Helper()
	_, line, found := strings.Cut(comments, "# "+text)
	if !found {
		t.Fatalf("no line %q", text)
	}
	line, _, _ = strings.Cut(line, "\n")
	return strings.Fields(line)
}

func TestDecide_OriginsOfTheTable(t *testing.T) {
	table, comments := readTable(t, "../../origins/testdata/origins.tsv")
	listed := lineAfter(t, comments, "The list they are held against:")
	codes := map[string]string{"listed": "", "not_listed": "origin_not_listed", "malformed": "origin_malformed", "opaque": "origin_opaque"}
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream)
		d.gateway.list(t, "all", listed...)
		for _, cells := range table {
			r := request{line: "GET /orders", headers: from(cells[0])}
			want, got := d.inPath(t, r), d.throughEdge(t, r)
			if want.code != codes[cells[1]] {
				t.Errorf("%q: in the path %+v, want %s", cells[0], want, cells[1])
			}
			d.check(t, r, got, want)
		}
	})
}

func TestDecide_PublicPathsOfTheTable(t *testing.T) {
	table, comments := readTable(t, "../../proxy/testdata/public-paths.tsv")
	paths := lineAfter(t, comments, "public_paths:")
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, "public_paths: ['"+strings.Join(paths, "', '")+"']", "public_origins: [https://tenant.example]")
		d.gateway.list(t, "first", "https://app.example.com")
		for _, cells := range table {
			r := request{line: strings.ReplaceAll(cells[1], "http://acme.example", "http://"+host), headers: strings.Split(cells[2], " | ")}
			d.check(t, r, d.throughEdge(t, r), d.inPath(t, r))
		}
	})
}

// check compares what becomes of a request at the edge and in the path. Some malformed
// requests are refused by the edge itself, or the gateway cannot read its question. Then
// the response is a bare 400, and the gateway in the path answers 400 too, or refuses what
// the product is known to reject, with 400 or the gateway's status.
func (d *deployment) check(t *testing.T, r request, got, want outcome) {
	t.Helper()
	isRejected := want.status > 400 && slices.Contains(d.rejects, r.line)
	edgeRefuses := got.reached == "" && !strings.Contains(got.header, "Access-Control-") && (got.status == 400 || isRejected && got.status == want.status)
	if edgeRefuses && want.reached == "" && (want.status == 400 || isRejected) {
		return
	}
	if got != want.atEdge(d.product) {
		t.Errorf("%s %q:\nat the edge %+v\nin the path %+v", r.line, r.headers, got, want)
	}
}
