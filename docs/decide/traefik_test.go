package decide_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// traefik is not in Debian: its tests run where somebody has installed it. It is no product
// for the other tests, because it cannot set fields of responses.
var traefik = product{
	name: "Traefik", dialect: "traefik", command: "traefik", gone: 500, unreachable: 502, otherHost: 404,
	files: func(t *testing.T, dir, address string) map[string]string {
		return map[string]string{
			"traefik.yaml": fmt.Sprintf("entryPoints: {websecure: {address: %q}}\nproviders: {file: {filename: %s/dynamic.yaml}}\n", address, dir),
			"dynamic.yaml": readBlock(t, "Traefik", "yaml") + fmt.Sprintf("tls: {certificates: [{certFile: %[1]s/%[2]s.crt, keyFile: %[1]s/%[2]s.key}]}\n", dir, host),
		}
	},
	start: func(dir string) *exec.Cmd { return exec.Command("traefik", "--configFile="+dir+"/traefik.yaml") },
}

// startTraefik starts it, with a gateway that lists one origin. It listens before it has
// read its routes.
func startTraefik(t *testing.T, keys ...string) *deployment {
	t.Helper()
	d := &deployment{product: traefik, application: startApplication(t)}
	d.gateway = startGateway(t, traefik.config(t, d.application, keys...))
	d.edge = startEdge(t, traefik, strings.NewReplacer("127.0.0.1:3000", d.application.address, "127.0.0.1:9191", d.gateway.decide, "127.0.0.1:8080", d.gateway.listen))
	d.gateway.list(t, "shop", shop)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(20 * time.Second); ; <-tick.C {
		response, err := d.newClient(false).Get("https://" + host + "/orders")
		if err == nil {
			response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			d.application.take()
			return d
		}
		if time.Now().After(limit) {
			t.Fatal("Traefik does not forward: ", err)
		}
	}
}

// passed are the fields that Traefik cannot keep from the application.
var passed = regexp.MustCompile(`, (Cookie|Authorization|X_original_url) \[.*?\]`)

// throughTraefik returns what becomes of a request in the path, if Traefik asks: it cleans
// paths, before the question too, and it leaves the fields of the application's responses,
// credentials and names with an underscore as they are.
func throughTraefik(o outcome) outcome {
	if o.reached != "" {
		o.header, o.reached = "", strings.ReplaceAll(passed.ReplaceAllString(o.reached, ""), "//", "/")
	}
	return o
}

func TestTraefik_RefusesAsTheGatewayInThePath(t *testing.T) {
	t.Parallel()
	d := startTraefik(t, upstream, publicPaths)
	for _, row := range rows {
		if slices.Contains(row.headers, "Connection: Origin") {
			continue
		}
		want := throughTraefik(d.inPath(t, row.request))
		for _, added := range [][]string{nil, forged, slices.Concat(forged, forged)} {
			r := row.request
			r.headers = slices.Concat(r.headers, added)
			if got := throughTraefik(d.throughEdge(t, r)); got != want {
				t.Errorf("%s, %d forged fields:\nat the edge %+v\nin the path %+v", row.rule, len(added), got, want)
			}
		}
	}
}

// Traefik drops the fields that Connection names before it asks. No browser names any.
func TestTraefik_DropsOriginThatConnectionNames(t *testing.T) {
	t.Parallel()
	d := startTraefik(t)
	for _, origin := range []string{shop, partner} {
		got := d.throughEdge(t, request{line: "GET /orders", headers: from(origin, "Connection: Origin")})
		if got.status != 200 || strings.Contains(got.reached, "Origin [") {
			t.Errorf("%s: %+v", origin, got)
		}
	}
}

func TestTraefik_ForwardsNothingWithoutTheGateway(t *testing.T) {
	t.Parallel()
	d := startTraefik(t)
	if got := d.throughEdge(t, request{line: "GET /orders", headers: []string{"Host: other.example"}}); got.status != traefik.otherHost || got.reached != "" {
		t.Errorf("other host: %+v, want %d", got, traefik.otherHost)
	}
	if got := d.throughEdge(t, request{line: "GET /orders", headers: []string{"X-Large: " + strings.Repeat("a", 1<<20+8<<10)}}); got.status != 431 {
		t.Errorf("large header: %d", got.status)
	}
	d.gateway.finalLog(t)
	if got := d.throughEdge(t, plain); got.status != traefik.gone || got.reached != "" {
		t.Errorf("without the gateway: %+v, want %d", got, traefik.gone)
	}
}

func TestTraefik_OriginsOfTheTable(t *testing.T) {
	t.Parallel()
	table, comments := readTable(t, "../../origins/testdata/origins.tsv")
	d := startTraefik(t, upstream)
	d.gateway.list(t, "all", lineAfter(t, comments, "The list they are held against:")...)
	for _, cells := range table {
		r := request{line: "GET /orders", headers: from(cells[0])}
		d.check(t, r, throughTraefik(d.throughEdge(t, r)), throughTraefik(d.inPath(t, r)))
	}
}
