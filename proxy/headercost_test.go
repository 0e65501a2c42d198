package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"originwarden/proxy"
)

// names are different ones, with commas between, of n bytes in all.
func names(n int) string {
	var list strings.Builder
	for i := 0; list.Len() < n; i++ {
		fmt.Fprintf(&list, "%04x,", i)
	}
	return list.String()[:n-1]
}

// What is compared with each other is bounded, in every mode.
func TestGateway_BoundsWhatATenantMayName(t *testing.T) {
	rows := []struct {
		rule string
		vary []string
		want string
	}{
		{"64 names", []string{names(64 * 5)}, strings.ReplaceAll(names(64*5), ",", ", ") + ", Origin"},
		{"65 names", []string{names(65 * 5)}, "*"},
		{"64 times the same", slices.Repeat([]string{"Accept"}, 64), "Accept, Origin"},
		{"65 times the same", slices.Repeat([]string{"accept"}, 65), "*"},
		{"64 empty ones", []string{strings.Repeat(",", 63)}, "Origin"},
		{"65 empty ones", []string{strings.Repeat(",", 64)}, "*"},
		{"65 empty lines", slices.Repeat([]string{""}, 65), "*"},
		{"4 KiB", []string{strings.Repeat("x", 4096)}, strings.Repeat("x", 4096) + ", Origin"},
		{"more", []string{strings.Repeat("x", 4097)}, "*"},
		{"more, on two lines", []string{strings.Repeat("x", 2048), strings.Repeat("y", 2049)}, "*"},
		{"240 kB", []string{names(240_000)}, "*"},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			w := newWorld(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) { rw.Header()["Vary"] = row.vary }})
			if got := w.send(request("GET /")); !slices.Equal(got.Header["Vary"], []string{row.want}) {
				t.Errorf("%s by %s: %.99q, want %.99q", row.rule, protocol, got.Header["Vary"], row.want)
			}
		}
	}
}

func TestGateway_BoundsTheTrailersOfATenant(t *testing.T) {
	rows := []struct {
		rule      string
		announced bool
		n, want   int
	}{
		{"announced", true, 64, 64},
		{"too many announced", true, 65, 0},
		{"unannounced", false, 64, 64},
		{"too many unannounced", false, 65, 0},
	}
	for _, protocol := range protocols() {
		for _, mode := range []proxy.Mode{proxy.Enforce, proxy.Report} {
			for _, row := range rows {
				w := newWorld(t, options{protocol: protocol, mode: mode, tenant: raw(withTrailers(row.n, row.announced))})
				if got := w.send(request("GET /", "TE: trailers")); got.body != "ok" || len(got.Trailer) != row.want {
					t.Errorf("%s, %s, by %s: %q and %d trailers, want %d", row.rule, mode, protocol, got.body, len(got.Trailer), row.want)
				}
			}
		}
	}
}

// withTrailers is a response with n trailers.
func withTrailers(n int, announced bool) string {
	all := names(n * 5)
	head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	if announced {
		head += "Trailer: " + all + "\r\n"
	}
	return head + "\r\n2\r\nok\r\n0\r\n" + strings.ReplaceAll(all, ",", ": 1\r\n") + ": 1\r\n\r\n"
}

// A tenant's header costs no more for its length than a short one.
func BenchmarkGateway_LongAnswerHeader(b *testing.B) {
	for _, protocol := range []protocol{http1, http2} {
		for name, header := range map[string]func(n int) string{
			"Vary":       func(n int) string { return "Vary: " + names(n) + "\r\n" },
			"Vary lines": func(n int) string { return strings.ReplaceAll("Vary: "+names(n/3), ",", "\r\nVary: ") + "\r\n" },
			"Connection": func(n int) string { return "Connection: " + names(n) + "\r\n" },
			"Trailer":    func(n int) string { return "Trailer: " + names(n) + "\r\n" },
			"CORS": func(n int) string {
				return strings.ReplaceAll(","+names(n/6), ",", "\r\nAccess-Control-A: ")[2:] + "\r\n"
			},
			"CORS names": func(n int) string {
				return strings.ReplaceAll(","+names(n/6)+":", ",", ":a\r\nAccess-Control-")[4:] + "a\r\n"
			},
			"Set-Cookie": func(n int) string { return strings.ReplaceAll(","+names(n/4), ",", "\r\nSet-Cookie: ")[2:] + "\r\n" },
			"one value":  func(n int) string { return "X: " + strings.Repeat("x", n) + "\r\n" },
		} {
			for _, n := range []int{10_000, 240_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", protocol, name, n), func(b *testing.B) {
					answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + header(n) + "\r\n0\r\n\r\n"
					benchHeader(b, protocol, raw(answer), http.Header{"Origin": {listed}}, len(answer))
				})
			}
		}
	}
}

// Nor does a client's.
func BenchmarkGateway_LongRequestHeader(b *testing.B) {
	for name, header := range map[string]func(n int) (string, []string){
		"Connection": func(n int) (string, []string) { return "Connection", []string{names(n)} },
		"X-Forwarded-For": func(n int) (string, []string) {
			return "X-Forwarded-For", []string{strings.Repeat("127.0.0.1,", n/10) + "::1"}
		},
		"Cookie":    func(n int) (string, []string) { return "Cookie", strings.Split(names(n), ",") },
		"Upgrade":   func(n int) (string, []string) { return "Upgrade", strings.Split(names(n), ",") },
		"one value": func(n int) (string, []string) { return "X", []string{strings.Repeat("x", n)} },
	} {
		for _, n := range []int{1000, 25_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				name, lines := header(n)
				benchHeader(b, http1, nil, http.Header{"Origin": {listed}, name: lines}, n)
			})
		}
	}
}

func benchHeader(b *testing.B, protocol protocol, tenant http.HandlerFunc, header http.Header, n int) {
	w := newWorld(b, options{protocol: protocol, tenant: tenant, config: func(c *proxy.Config) {
		trustLoopback(c)
		c.OnEnd = nil
	}})
	client := w.gateway.Client()
	client.Transport.(*http.Transport).MaxResponseHeaderBytes = 1 << 20
	r := w.newRequest("GET", "/")
	r.Header = header
	b.ReportAllocs()
	for b.Loop() {
		res, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		w.tenantSaw()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/byte")
}
