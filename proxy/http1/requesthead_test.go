package http1_test

import (
	"bufio"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"originwarden/proxy/http1"
)

// regularHead returns a head with a request line and lines.
func regularHead(line string, lines ...string) string {
	return line + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func TestRequestHead_ParsesRegularHeads(t *testing.T) {
	rows := map[string]http1.RequestHead{
		regularHead("GET / HTTP/1.1", "Host: a"):                              {Method: "GET", Target: "/", Host: "a"},
		regularHead("get /a?%zz#b HTTP/1.1", "hOsT:\t[::1]:80 \t"):            {Method: "get", Target: "/a?%zz#b", Host: "[::1]:80"},
		regularHead("M-SEARCH //%2f HTTP/1.1", "Host: a_b.-:1"):               {Method: "M-SEARCH", Target: "//%2f", Host: "a_b.-:1"},
		regularHead("POST / HTTP/1.1", "Host: a", "Content-Length: 07"):       {Method: "POST", Target: "/", Host: "a", Length: 7, HasLength: true},
		regularHead("GET / HTTP/1.1", "Host: a", "CONTENT-LENGTH: 0"):         {Method: "GET", Target: "/", Host: "a", HasLength: true},
		regularHead("GET / HTTP/1.1", "connection: Close", "Host: a"):         {Method: "GET", Target: "/", Host: "a", Close: true},
		regularHead("GET / HTTP/1.1", "Connection: Keep-Alive", "Host: a"):    {Method: "GET", Target: "/", Host: "a"},
		regularHead("GET / HTTP/1.1", "Host: a", "X:", "!#$: \xff\ta", "X: "): {Method: "GET", Target: "/", Host: "a"},
	}
	for raw, want := range rows {
		var got http1.RequestHead
		if !got.Parse(raw) {
			t.Errorf("%q is not regular", raw)
			continue
		}
		if got.Method != want.Method || got.Target != want.Target || got.Host != want.Host || got.Length != want.Length ||
			got.HasLength != want.HasLength || got.Close != want.Close {
			t.Errorf("%q:\n got %+v\nwant %+v", raw, got, want)
		}
	}
}

func TestRequestHead_LeavesIrregularHeads(t *testing.T) {
	const get, host = "GET / HTTP/1.1", "Host: a"
	rows := map[string]string{
		"empty":                           "",
		"no empty line":                   get + "\r\n" + host + "\r\n",
		"bytes after the empty line":      regularHead(get, host) + "x",
		"empty line first":                "\r\n" + regularHead(get, host),
		"bare LF after the request line":  get + "\n" + host + "\r\n\r\n",
		"bare LF after a field":           get + "\r\n" + host + "\nX: y\r\n\r\n",
		"bare LF at the end":              get + "\r\n" + host + "\r\n\n",
		"bare CR":                         regularHead(get, host, "X: a\rb"),
		"CR before CR LF":                 regularHead(get, host, "X: a\r"),
		"NUL in a value":                  regularHead(get, host, "X: \x00"),
		"control character in a value":    regularHead(get, host, "X: \x1f"),
		"DEL in a value":                  regularHead(get, host, "X: \x7f"),
		"vertical tab before a value":     regularHead(get, host, "X: \va"),
		"folded line":                     regularHead(get, host, "X: a", " b"),
		"line folded by a tab":            regularHead(get, host, "X: a", "\tb"),
		"space before the colon":          regularHead(get, host, "X : a"),
		"no colon":                        regularHead(get, host, "X"),
		"no name":                         regularHead(get, host, ": a"),
		"name that is not a token":        regularHead(get, host, "X(: a"),
		"name beyond ASCII":               regularHead(get, host, "\xe4: a"),
		"two spaces in the request line":  regularHead("GET  / HTTP/1.1", host),
		"tab in the request line":         regularHead("GET\t/ HTTP/1.1", host),
		"space after the version":         regularHead("GET / HTTP/1.1 ", host),
		"space before the method":         regularHead(" GET / HTTP/1.1", host),
		"no method":                       regularHead(" / HTTP/1.1", host),
		"no version":                      regularHead("GET /", host),
		"HTTP/1.0":                        regularHead("GET / HTTP/1.0", host),
		"HTTP/1.2":                        regularHead("GET / HTTP/1.2", host),
		"version in lower case":           regularHead("GET / http/1.1", host),
		"method that is not a token":      regularHead("G@T / HTTP/1.1", host),
		"CONNECT":                         regularHead("CONNECT / HTTP/1.1", host),
		"trace in lower case":             regularHead("trace / HTTP/1.1", host),
		"TRACK":                           regularHead("TRACK / HTTP/1.1", host),
		"PRI":                             regularHead("PRI / HTTP/1.1", host),
		"asterisk":                        regularHead("OPTIONS * HTTP/1.1", host),
		"absolute-form":                   regularHead("GET http://a/ HTTP/1.1", host),
		"authority-form":                  regularHead("GET a:80 HTTP/1.1", host),
		"no target":                       regularHead("GET  HTTP/1.1", host),
		"target beyond ASCII":             regularHead("GET /\xc3\xa4 HTTP/1.1", host),
		"control character in the target": regularHead("GET /\x01 HTTP/1.1", host),
		"escape that is not hexadecimal":  regularHead("GET /%zz HTTP/1.1", host),
		"escape that is cut":              regularHead("GET /%2 HTTP/1.1", host),
		"escape cut by the query":         regularHead("GET /%2?a HTTP/1.1", host),
		"no Host":                         regularHead(get, "X: a"),
		"two Hosts":                       regularHead(get, host, host),
		"empty Host":                      regularHead(get, "Host:"),
		"list of Hosts":                   regularHead(get, "Host: a, b"),
		"Host with user":                  regularHead(get, "Host: a@b"),
		"Host with path":                  regularHead(get, "Host: a/b"),
		"Host with escape":                regularHead(get, "Host: %61"),
		"two lengths":                     regularHead(get, host, "Content-Length: 1", "content-length: 1"),
		"list of lengths":                 regularHead(get, host, "Content-Length: 1, 1"),
		"empty length":                    regularHead(get, host, "Content-Length:"),
		"length with plus":                regularHead(get, host, "Content-Length: +1"),
		"length with minus":               regularHead(get, host, "Content-Length: -1"),
		"hexadecimal length":              regularHead(get, host, "Content-Length: 0x1"),
		"length with underscore":          regularHead(get, host, "Content-Length: 1_0"),
		"length above 63 bits":            regularHead(get, host, "Content-Length: 9223372036854775808"),
		"length above 64 bits":            regularHead(get, host, "Content-Length: 18446744073709551617"),
		"two Connections":                 regularHead(get, host, "Connection: close", "Connection: close"),
		"empty Connection":                regularHead(get, host, "Connection:"),
		"list in Connection":              regularHead(get, host, "Connection: keep-alive, close"),
		"Connection that names a field":   regularHead(get, host, "Connection: Origin"),
		"Transfer-Encoding":               regularHead(get, host, "transfer-encoding: identity"),
		"Upgrade":                         regularHead(get, host, "UPGRADE: h2c"),
		"Expect":                          regularHead(get, host, "expect: 100-continue"),
		"TE":                              regularHead(get, host, "tE: trailers"),
		"Trailer":                         regularHead(get, host, "Trailer: X"),
		"more than 100 lines":             regularHead(get, append(make100(), host)...),
	}
	for rule, raw := range rows {
		var head http1.RequestHead
		if head.Parse(raw) {
			t.Errorf("%s: %q is regular", rule, raw)
		}
	}
	var head http1.RequestHead
	if raw := regularHead(get, append(make100()[1:], host)...); !head.Parse(raw) {
		t.Error("100 lines are not regular")
	}
}

func make100() (lines []string) {
	for range 100 {
		lines = append(lines, "X: y")
	}
	return lines
}

// A head has nothing of the one before.
func TestRequestHead_ForgetsHeadBefore(t *testing.T) {
	var used, fresh http1.RequestHead
	used.Parse(regularHead("POST /secret HTTP/1.1", "Host: a", "Content-Length: 9", "Connection: close", "Origin: https://secret.example", "X-Secret: 1", "X-Secret: 2"))
	const next = "GET / HTTP/1.1\r\nHost: b\r\n\r\n"
	if !used.Parse(next) || !fresh.Parse(next) {
		t.Fatal("not regular")
	}
	if used.Close || used.HasLength || used.Length != 0 || used.Host != "b" || len(used.Fields) != 1 || used.Values("Origin") != nil {
		t.Errorf("got %+v, want %+v", used, fresh)
	}
	for _, rest := range used.Fields[:cap(used.Fields)][len(used.Fields):] {
		if rest != (http1.Field{}) {
			t.Errorf("field %v is kept", rest)
		}
	}
}

// Whatever Parse accepts, net/http accepts too, and reads the same.
func FuzzRequestHead_AgreesWithNetHTTP(f *testing.F) {
	for _, seed := range []string{
		regularHead("GET / HTTP/1.1", "Host: a"),
		regularHead("POST /%2f?%zz HTTP/1.1", "Host: [::1]:80", "Content-Length: 007", "Connection: close", "X: \xff", "x:\t"),
		regularHead("GET //a HTTP/1.1", "host: a", "Pragma: no-cache", "A_b: 1", "content-length: +1"),
		regularHead("GET / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Host: b"),
		regularHead("GET / HTTP/1.1", "Host: a", "X: a", " b"),
		"GET / HTTP/1.1\nHost: a\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var head http1.RequestHead
		if !head.Parse(raw) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Fatalf("%q: net/http: %v", raw, err)
		}
		if head.Method != r.Method || head.Target != r.RequestURI || head.Host != r.Host || head.Length != r.ContentLength || head.Close != r.Close {
			t.Errorf("%q:\n     got %+v\nnet/http %+v", raw, head, r)
		}
		if got, want := headerOf(&head), r.Header; !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n     got %q\nnet/http %q", raw, got, want)
		}
		for name, want := range r.Header {
			if got := head.Values(name); name != "Cache-Control" && !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %s is %q, want %q", raw, name, got, want)
			}
		}
	})
}

// headerOf returns the fields as net/http has them: without Host, and with a
// Cache-Control that it adds to Pragma.
func headerOf(head *http1.RequestHead) http.Header {
	header := http.Header{}
	for _, f := range head.Fields {
		header.Add(f.Name, f.Value)
	}
	header.Del("Host")
	if pragma := header["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && header["Cache-Control"] == nil {
		header["Cache-Control"] = []string{"no-cache"}
	}
	return header
}
