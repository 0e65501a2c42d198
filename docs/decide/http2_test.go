package decide_test

import (
	"net/http"
	"strings"
	"testing"
)

// Browsers use HTTP/2. Its connections are shared by requests of several pages.
func TestDecide_RequestsOverHTTP2AreAsInThePath(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		client := d.newClient(true)
		for _, row := range rows {
			if upgrades := strings.Contains(row.text(), "\r\nUpgrade: "); upgrades || row.body != "" {
				continue
			}
			want := d.inPath(t, row.request).atEdge(p)
			if got := d.sendHTTP2(t, client, row.request); got != want {
				t.Errorf("%s:\nat the edge %+v\nin the path %+v", row.rule, got, want)
			}
		}
	})
}

func (d *deployment) sendHTTP2(t *testing.T, client *http.Client, r request) outcome {
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
	if response.ProtoMajor != 2 {
		t.Fatalf("%s, want HTTP/2", response.Proto)
	}
	o := newOutcome(t, response)
	o.describeRequests(d.application.take())
	return o
}
