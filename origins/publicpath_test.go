package origins_test

import (
	"fmt"
	"strings"
	"testing"

	"originwarden/origins"
)

// readFrom returns a GET of a path from an origin.
func readFrom(path, origin string) origins.Request {
	return origins.Request{Method: "GET", Path: path, Origin: []string{origin}}
}

// More rows, of paths and methods, are in proxy/testdata/public-paths.tsv.
func TestPolicy_PublicPaths(t *testing.T) {
	policy := origins.Policy{PublicOrigins: []string{publicOrigin}, PublicPaths: []string{"/keys.json", "/assets/*"}, RequestHeaders: []string{"x-a"}}
	at := func(path string, r origins.Request) origins.Request {
		r.Path = path
		return r
	}
	ofKind := func(kind origins.Kind, r origins.Request) origins.Request {
		r.Kind = kind
		return r
	}
	for _, row := range []struct {
		rule    string
		request origins.Request
		want    origins.Reason
	}{
		{"exact path", readFrom("/keys.json", unlistedOrigin), origins.PathPublic},
		{"path below a prefix", readFrom("/assets/app.js", unlistedOrigin), origins.PathPublic},
		{"listed origin", readFrom("/assets/app.js", listedOrigin), origins.PathPublic},
		{"null", readFrom("/assets/app.js", "null"), origins.PathPublic},
		{"several web integrations", withIntegrations(readFrom("/assets/app.js", listedOrigin), "first", "second"), origins.PathPublic},
		{"public origin", readFrom("/assets/app.js", publicOrigin), origins.SameOrigin},
		{"malformed origin", readFrom("/assets/app.js", "https://a.example/"), origins.OriginMalformed},
		{"null of the tenant's own page", withSecFetchSite("same-origin", readFrom("/assets/app.js", "null")), origins.SameOrigin},
		{"WebSocket", ofKind(origins.WebSocket, readFrom("/assets/app.js", unlistedOrigin)), origins.ListUnavailable},
		{"preflight", at("/keys.json", preflight(unlistedOrigin, "GET")), origins.PathPublic},
		{"preflight for an allowed header", at("/keys.json", preflight(unlistedOrigin, "HEAD", "x-a")), origins.PathPublic},
		{"preflight for another header", at("/keys.json", preflight(unlistedOrigin, "GET", "x-a,x-b")), origins.HeaderNotAllowed},
		{"preflight for PUT", at("/keys.json", preflight(unlistedOrigin, "PUT")), origins.ListUnavailable},
		{"other path", readFrom("/keys.jso", unlistedOrigin), origins.ListUnavailable},
		{"bytes that are not ASCII", readFrom("/assets/\xc3\xa9.js", unlistedOrigin), origins.ListUnavailable},
		{"overlong dots", readFrom("/assets/\xc0\xae\xc0\xae/admin", unlistedOrigin), origins.ListUnavailable},
		{"other path, null", readFrom("/assets", "null"), origins.OriginOpaque},
	} {
		if got := decide(t, &policy, &row.request, nil); got != row.want {
			t.Errorf("%s: got %v, want %v", row.rule, got, row.want)
		}
	}
}

func TestDecide_DoesNotAllocateForPublicPaths(t *testing.T) {
	policy := origins.Policy{RequestHeaders: []string{"*"}}
	for i := range 100 {
		policy.PublicPaths = append(policy.PublicPaths, fmt.Sprintf("/a%d/*", i))
	}
	for _, path := range []string{"/a99/app.js", "/a99/" + strings.Repeat("a/", 10_000), "/a99/" + strings.Repeat("%20", 10_000), "/a", "/a99//", ""} {
		r := readFrom(path, unlistedOrigin)
		if allocated := testing.AllocsPerRun(100, func() { policy.Screen(&r) }); allocated != 0 {
			t.Errorf("%.20s: %v allocations, want 0", path, allocated)
		}
	}
}

func BenchmarkScreen_PublicPath(b *testing.B) {
	for _, count := range []int{0, 1, 10, 100} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var policy origins.Policy
			for i := range count {
				policy.PublicPaths = append(policy.PublicPaths, fmt.Sprintf("/static/%d/*", i))
			}
			r := readFrom(fmt.Sprintf("/static/%d/js/app.min.js", count-1), unlistedOrigin)
			b.ReportAllocs()
			for b.Loop() {
				policy.Screen(&r)
			}
		})
	}
}
