package decide_test

import (
	"slices"
	"strings"
	"testing"
)

var (
	plain         = request{line: "GET /orders", headers: from(shop)}
	asking        = request{line: "OPTIONS /orders", headers: preflight(shop, "PUT")}
	opening       = request{line: "GET /events", headers: handshake(from(shop)...)}
	withoutOrigin = request{line: "GET /orders"}
)

func TestDecide_ChangeOfListIsInForceAtOnce(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		check := func(when string, wantStatus ...int) {
			t.Helper()
			for i, r := range []request{plain, asking, opening} {
				if got := d.throughEdge(t, r); got.status != wantStatus[i] {
					t.Errorf("%s: %s: %+v, want %d", when, r.line, got, wantStatus[i])
				}
			}
		}
		for range 3 {
			check("not listed", 403, 403, 403)
			id := d.gateway.list(t, "shop", shop)
			check("listed", 200, 204, 101)
			d.gateway.remove(t, id)
		}
	})
}

// In report, everything is forwarded, and the application's CORS headers stay.
func TestDecide_ModesAreAsInThePath(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		for _, mode := range []string{"report", "headers"} {
			d.gateway.setMode(t, mode)
			for _, row := range rows {
				want := d.inPath(t, row.request)
				if got := d.throughEdge(t, row.request); got != want.atEdge(p) {
					t.Errorf("%s: %s:\nat the edge %+v\nin the path %+v", mode, row.rule, got, want)
				}
				if mode == "report" && (want.reached == "" || want.status != 101 && !strings.Contains(want.header, "Access-Control-Max-Age: 86400")) {
					t.Errorf("%s: in the path %+v, want the application's response", row.rule, want)
				}
			}
		}
	})
}

// Without an answer, nothing is forwarded, whatever would be allowed.
func TestDecide_NothingIsForwardedWithoutTheGateway(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p)
		d.gateway.list(t, "shop", shop)
		if got := d.throughEdge(t, plain); got.status != 200 {
			t.Fatalf("%+v, want 200", got)
		}
		d.gateway.stop(t)
		d.checkClosed(t, plain, p.stopped)
		d.gateway.kill()
		t.Run("gone", func(t *testing.T) { d.checkAllClosed(t, p.gone) })
	})
}

// checkAllClosed checks that everything is refused with one of these statuses, for which
// HAProxy may take its time.
func (d *deployment) checkAllClosed(t *testing.T, wantStatus ...int) {
	for _, r := range []request{plain, withoutOrigin, asking, opening} {
		t.Run(r.line, func(t *testing.T) {
			t.Parallel()
			d.checkClosed(t, r, wantStatus...)
		})
	}
}

func (d *deployment) checkClosed(t *testing.T, r request, wantStatus ...int) {
	t.Helper()
	if got := d.throughEdge(t, r); !slices.Contains(wantStatus, got.status) || got.reached != "" || strings.Contains(got.header, "Access-Control-") {
		t.Errorf("%s: %+v, want %d", r.line, got, wantStatus)
	}
}

func TestDecide_NothingIsForwardedByScriptThatFails(t *testing.T) {
	t.Parallel()
	broken := haproxy
	broken.files = func(t *testing.T, dir, address string) map[string]string {
		files := haproxy.files(t, dir, address)
		files["originwarden.lua"] = replaceOnce(t, files["originwarden.lua"], "local answer = core.", "local answer = no_such_variable.")
		return files
	}
	d := startDeployment(t, broken)
	d.gateway.list(t, "shop", shop)
	for _, r := range []request{plain, withoutOrigin, asking, opening} {
		d.checkClosed(t, r, 503)
	}
}
