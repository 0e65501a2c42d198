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

// nameList returns a comma-separated list of different names, of n bytes.
func nameList(n int) string {
	var list strings.Builder
	for i := 0; list.Len() < n; i++ {
		fmt.Fprintf(&list, "%04x,", i)
	}
	return list.String()[:n-1]
}

// Names in Vary are compared with each other, so that their number and size are
// limited.
func TestGateway_LimitsNamesInVary(t *testing.T) {
	rows := []struct {
		rule string
		vary []string
		want string
	}{
		{"64 names", []string{nameList(64 * 5)}, strings.ReplaceAll(nameList(64*5), ",", ", ") + ", Origin"},
		{"65 names", []string{nameList(65 * 5)}, "*"},
		{"64 equal names", slices.Repeat([]string{"Accept"}, 64), "Accept, Origin"},
		{"65 equal names", slices.Repeat([]string{"accept"}, 65), "*"},
		{"64 empty names", []string{strings.Repeat(",", 63)}, "Origin"},
		{"65 empty names", []string{strings.Repeat(",", 64)}, "*"},
		{"65 empty lines", slices.Repeat([]string{""}, 65), "*"},
		{"name of 4 KiB", []string{strings.Repeat("x", 4096)}, strings.Repeat("x", 4096) + ", Origin"},
		{"name above 4 KiB", []string{strings.Repeat("x", 4097)}, "*"},
		{"two lines above 4 KiB", []string{strings.Repeat("x", 2048), strings.Repeat("y", 2049)}, "*"},
		{"240 kB of names", []string{nameList(240_000)}, "*"},
	}
	for _, protocol := range protocols() {
		for _, row := range rows {
			h := newHarness(t, options{protocol: protocol, tenant: func(rw http.ResponseWriter, _ *http.Request) { rw.Header()["Vary"] = row.vary }})
			if got := h.send(request("GET /")); !slices.Equal(got.Header["Vary"], []string{row.want}) {
				t.Errorf("%s over %s: Vary %.99q, want %.99q", row.rule, protocol, got.Header["Vary"], row.want)
			}
		}
	}
}

func TestGateway_LimitsTrailers(t *testing.T) {
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
				h := newHarness(t, options{protocol: protocol, mode: mode, tenant: respondRaw(responseWithTrailers(row.n, row.announced))})
				if got := h.send(request("GET /", "TE: trailers")); got.body != "ok" || len(got.Trailer) != row.want {
					t.Errorf("%s, %s, over %s: body %q and %d trailers, want \"ok\" and %d", row.rule, mode, protocol, got.body, len(got.Trailer), row.want)
				}
			}
		}
	}
}

// responseWithTrailers returns a response with n trailers.
func responseWithTrailers(n int, announced bool) string {
	all := nameList(n * 5)
	head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	if announced {
		head += "Trailer: " + all + "\r\n"
	}
	return head + "\r\n2\r\nok\r\n0\r\n" + strings.ReplaceAll(all, ",", ": 1\r\n") + ": 1\r\n\r\n"
}

// The cost per byte of a response header must not grow with its length.
func BenchmarkGateway_LongResponseHeader(b *testing.B) {
	for _, protocol := range []protocol{http1, http2} {
		for name, header := range map[string]func(n int) string{
			"Vary":       func(n int) string { return "Vary: " + nameList(n) + "\r\n" },
			"Vary lines": func(n int) string { return strings.ReplaceAll("Vary: "+nameList(n/3), ",", "\r\nVary: ") + "\r\n" },
			"Connection": func(n int) string { return "Connection: " + nameList(n) + "\r\n" },
			"Trailer":    func(n int) string { return "Trailer: " + nameList(n) + "\r\n" },
			"CORS": func(n int) string {
				return strings.ReplaceAll(","+nameList(n/6), ",", "\r\nAccess-Control-A: ")[2:] + "\r\n"
			},
			"CORS names": func(n int) string {
				return strings.ReplaceAll(","+nameList(n/6)+":", ",", ":a\r\nAccess-Control-")[4:] + "a\r\n"
			},
			"Set-Cookie": func(n int) string { return strings.ReplaceAll(","+nameList(n/4), ",", "\r\nSet-Cookie: ")[2:] + "\r\n" },
			"one value":  func(n int) string { return "X: " + strings.Repeat("x", n) + "\r\n" },
		} {
			for _, n := range []int{10_000, 240_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", protocol, name, n), func(b *testing.B) {
					response := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + header(n) + "\r\n0\r\n\r\n"
					benchHeader(b, protocol, respondRaw(response), http.Header{"Origin": {listed}}, len(response))
				})
			}
		}
	}
}

// The cost per byte of a request header must not grow with its length.
func BenchmarkGateway_LongRequestHeader(b *testing.B) {
	for name, header := range map[string]func(n int) (string, []string){
		"Connection": func(n int) (string, []string) { return "Connection", []string{nameList(n)} },
		"X-Forwarded-For": func(n int) (string, []string) {
			return "X-Forwarded-For", []string{strings.Repeat("127.0.0.1,", n/10) + "::1"}
		},
		"Cookie":    func(n int) (string, []string) { return "Cookie", strings.Split(nameList(n), ",") },
		"Upgrade":   func(n int) (string, []string) { return "Upgrade", strings.Split(nameList(n), ",") },
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
	h := newHarness(b, options{protocol: protocol, tenant: tenant, config: func(c *proxy.Config) {
		trustLoopback(c)
		c.OnEnd = nil
	}})
	client := h.gateway.Client()
	client.Transport.(*http.Transport).MaxResponseHeaderBytes = 1 << 20
	r := h.newRequest("GET", "/")
	r.Header = header
	b.ReportAllocs()
	for b.Loop() {
		res, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		h.tenantRequests()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/byte")
}
