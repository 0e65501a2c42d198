package decide_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// otherTenant is a second tenant, and room in memory for the list of one.
	otherTenant = `
  - id: other
    hosts: [other.example]
cache: {tenants: 1}`
	// shortConfirmation limits how long a list stays in force without the store.
	shortConfirmation = `
cache: {max_staleness: 100ms}`
)

// loseList has the gateway lose the tenant's list: that of another one takes its place in
// memory, and the store is gone.
func (d *deployment) loseList(t *testing.T) {
	t.Helper()
	other := request{line: "GET /", headers: []string{"Host: other.example", "Origin: " + shop}}
	if got := d.inPath(t, other); got.code != "origin_not_listed" {
		t.Fatalf("other tenant: %+v", got)
	}
	d.loseStore(t)
}

func (d *deployment) loseStore(t *testing.T) {
	t.Helper()
	if err := os.Rename(d.gateway.path("lists.db"), d.gateway.path("away.db")); err != nil {
		t.Fatal(err)
	}
}

// outdateList has the store gone for so long that the tenant's list is stale.
func (d *deployment) outdateList(t *testing.T) {
	t.Helper()
	d.loseStore(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); ; <-tick.C {
		got := d.inPath(t, plain)
		if got.code == "list_stale" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%+v, want list_stale", got)
		}
	}
}

// withoutList returns what becomes of the row's request if there is no list, for which
// the reason is code.
func (r row) withoutList(code string) row {
	needsList := slices.Contains([]string{"origin_not_listed", "web_integration_unknown", "method_not_allowed"}, r.code) ||
		r.code == "" && slices.Contains(r.headers, "Origin: "+shop)
	if !needsList {
		return r
	}
	r.status, r.code, r.reaches = 503, code, false
	if r.line == "HEAD /orders" {
		r.code = "" // no body
	}
	return r
}

func TestDecide_NothingThatNeedsAListIsForwardedWithoutOne(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths, otherTenant)
		d.gateway.list(t, "shop", shop)
		d.loseList(t)
		d.checkWithoutList(t, "list_unavailable")
	})
}

func TestDecide_NothingThatNeedsAListIsForwardedByAStaleOne(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths, shortConfirmation)
		d.gateway.list(t, "shop", shop)
		d.outdateList(t)
		d.checkWithoutList(t, "list_stale")
	})
}

// checkWithoutList checks what becomes of the rows' requests if there is no list. What needs
// none is decided as ever. In report, everything is forwarded.
func (d *deployment) checkWithoutList(t *testing.T, code string) {
	t.Helper()
	var without []row
	for _, row := range rows {
		without = append(without, row.withoutList(code))
	}
	d.checkRows(t, without)
	if got := d.throughEdge(t, plain); got.status != 503 || !strings.Contains(got.header, "Retry-After: 1") {
		t.Errorf("%+v, want 503 with Retry-After", got)
	}
	d.gateway.setMode(t, "report")
	for _, row := range rows {
		want := d.inPath(t, row.request)
		if got := d.throughEdge(t, row.request); want.reached == "" || got != want.atEdge(d.product) {
			t.Errorf("report: %s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
		}
	}
}
