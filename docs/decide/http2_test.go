package decide_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// isForHTTP2 reports whether the request can be sent over HTTP/2 and HTTP/3 too.
func (r request) isForHTTP2() bool {
	return !strings.Contains(r.text(), "\r\nConnection: ") && !strings.Contains(r.line, " http:") && r.body == ""
}

// Browsers use HTTP/2. Its connections are shared by requests of several pages.
func TestDecide_RequestsOverHTTP2AreAsInThePath(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		client := d.newClient(true)
		for _, row := range rows {
			if !row.isForHTTP2() {
				continue
			}
			want := d.inPath(t, row.request).atEdge(p)
			if got := d.sendBy(t, client, 2, row.request); got != want {
				t.Errorf("%s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
			}
		}
	})
}

func TestDecide_ForgedFieldsDecideNothingOverHTTP2(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		client := d.newClient(true)
		for _, row := range rows {
			if !row.isForHTTP2() {
				continue
			}
			want := d.inPath(t, row.request).atEdge(p)
			forgery := row.request
			forgery.headers = slices.Concat(row.headers, forged)
			if got := d.sendBy(t, client, 2, forgery); got != want {
				t.Errorf("%s, with forged fields:\nat the edge %+v\nwithout them %+v", row.rule, got, want)
			}
		}
	})
}

// Over HTTP/2, a client may send Host beside :authority. What the application gets was
// decided for its host, whichever of the two that is.
func TestDecide_HostBesideAuthorityDecidesNothing(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, publicPaths)
		d.gateway.list(t, "shop", shop)
		for _, origin := range []string{shop, partner} {
			for _, hosts := range [][2]string{{host, host}, {host, "other.example"}, {"other.example", host}, {"other.example", "other.example"}, {"other.example", ""}} {
				status := d.getHTTP2(t, ":authority", hosts[0], "host", hosts[1], "origin", origin)
				reached := d.application.take()
				if len(reached) > 0 && (status != "200" || reached[0].host != host || origin != shop) {
					t.Errorf("%s, hosts %q: status %s, the application got %+v", origin, hosts, status, reached)
				}
			}
		}
		if status := d.getHTTP2(t, ":authority", host, "origin", shop); status != "200" || len(d.application.take()) != 1 {
			t.Errorf("without Host: status %s, want 200 of the application", status)
		}
	})
}

// getHTTP2 sends a GET and returns the status, or "" if the stream is reset.
func (d *deployment) getHTTP2(t *testing.T, fields ...string) string {
	t.Helper()
	d.application.take()
	header := encodeHeader(slices.Concat([]string{":method", "GET", ":scheme", "https", ":path", "/orders"}, fields)...)
	connection, framer := d.startHTTP2(t, header, true)
	defer connection.Close()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return ""
		}
	}
}

// sendBy returns what becomes of a request that a client sends over a version of HTTP.
func (d *deployment) sendBy(t *testing.T, client *http.Client, version int, r request) outcome {
	t.Helper()
	method, target, _ := strings.Cut(r.line, " ")
	sent, err := http.NewRequestWithContext(t.Context(), method, "https://"+host, nil)
	if err != nil {
		t.Fatal(err)
	}
	sent.URL.Opaque = "//" + host + target // as it is written
	lines := strings.Split(strings.TrimSpace(r.text()), "\r\n")[2:]
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		sent.Header.Add(name, strings.TrimSpace(value))
	}
	d.application.take()
	response, err := client.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != version {
		t.Fatalf("%s, want HTTP/%d", response.Proto, version)
	}
	o := newOutcome(t, response)
	o.describeRequests(d.application.take())
	return o
}
