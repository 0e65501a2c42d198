package decide_test

import (
	"os"
	"slices"
	"testing"
)

// otherTenant is a second tenant, and room in memory for the list of one.
const otherTenant = `
  - id: other
    hosts: [other.example]
cache: {tenants: 1}`

// loseList has the gateway lose the tenant's list: that of another one takes its place in
// memory, and the store is gone.
func (d *deployment) loseList(t *testing.T) {
	t.Helper()
	other := request{line: "GET /", headers: []string{"Host: other.example", "Origin: " + shop}}
	if got := d.inPath(t, other); got.code != "origin_not_listed" {
		t.Fatalf("other tenant: %+v", got)
	}
	if err := os.Rename(d.gateway.path("lists.db"), d.gateway.path("away.db")); err != nil {
		t.Fatal(err)
	}
}

// withoutList returns what becomes of the row's request if there is no list.
func (r row) withoutList() row {
	needsList := slices.Contains([]string{"origin_not_listed", "web_integration_unknown", "method_not_allowed"}, r.code) ||
		r.code == "" && slices.Contains(r.headers, "Origin: "+shop)
	if !needsList {
		return r
	}
	r.status, r.code, r.reaches = 503, "list_unavailable", false
	if r.line == "HEAD /orders" {
		r.code = "" // no body
	}
	return r
}

// What needs no list is decided as ever. In report, everything is forwarded.
func TestDecide_NothingThatNeedsAListIsForwardedWithoutOne(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths, otherTenant)
		d.gateway.list(t, "shop", shop)
		d.loseList(t)
		var without []row
		for _, row := range rows {
			without = append(without, row.withoutList())
		}
		d.checkRows(t, without)
		d.gateway.setMode(t, "report")
		for _, row := range rows {
			want := d.inPath(t, row.request)
			if got := d.throughEdge(t, row.request); want.reached == "" || got != want.atEdge(p) {
				t.Errorf("report: %s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
			}
		}
	})
}
