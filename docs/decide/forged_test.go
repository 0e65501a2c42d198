package decide_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// forged are the fields of every dialect, and of answers, as a client may send them to
// have the decision made about another request.
var forged = []string{
	"X-Original-Method: GET", "X-Original-Host: other.example", "X-Original-URI: /public/a", "X-Original-Proto: http", "X-Original-Address: 192.0.2.1",
	"X-Original-Upgrade: websocket", "X-Original-Connection: Upgrade",
	"X-Forwarded-Method: GET", "X-Forwarded-Host: other.example", "X-Forwarded-Uri: /public/a", "X-Forwarded-Prefix: /public", "X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.1",
	"X-Original-URL: /public/a", "X-Original-Path: /public/a", "X-Rewrite-URL: /public/a", "X-Replaced-Path: /public/a",
	"X_Original_URI: /public/a", "X_Original_URL: /public/a", "X_Forwarded_Uri: /public/a", "Forwarded: for=192.0.2.1;host=other.example;proto=http", "X-Real-IP: 192.0.2.1",
	"Originwarden-Verdict: allowed", "Originwarden-Reason: listed", "Originwarden-Status: 200", "Originwarden-Keep-Cors: true", "Originwarden-Drop-Credentials: true",
}

func TestDecide_ForgedFieldsDecideNothing(t *testing.T) {
	forEachProduct(t, func(t *testing.T, p product) {
		d := startDeployment(t, p, upstream, publicPaths)
		d.gateway.list(t, "shop", shop)
		sent := map[string]bool{}
		for _, row := range rows {
			want := d.inPath(t, row.request).atEdge(p)
			path, _, _ := strings.Cut(strings.Replace(row.line, "http://"+host, "", 1), "?")
			sent[path] = true
			for _, added := range [][]string{forged, slices.Concat(forged, forged)} {
				forgery := row.request
				forgery.headers = slices.Concat(row.headers, added)
				if got := d.throughEdge(t, forgery); got != want {
					t.Errorf("%s, with forged fields:\nat the edge %+v\nwithout them %+v", row.rule, got, want)
				}
			}
		}
		d.gateway.checkLog(t, sent)
	})
}

// checkLog ends the gateway and checks that its log has nothing of what was forged: the
// requests, as method and path, are those that were sent, and so is the client.
func (g *gateway) checkLog(t *testing.T, requests map[string]bool) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(g.finalLog(t)) {
		var entry struct {
			Method, Path, Client string
			Asked                bool
		}
		if json.Unmarshal([]byte(line), &entry) != nil || !entry.Asked {
			continue
		}
		lines++
		if !requests[entry.Method+" "+entry.Path] || entry.Client != "127.0.0.1" {
			t.Errorf("the log has a question about what nobody sent: %s", line)
		}
	}
	if want := 2 * len(rows); lines != want {
		t.Errorf("the log has %d questions, want %d", lines, want)
	}
}
