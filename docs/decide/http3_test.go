package decide_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Of these products, only Caddy has HTTP/3, which it offers to browsers by itself.
func TestDecide_RequestsOverHTTP3AreAsInThePath(t *testing.T) {
	t.Parallel()
	d := startDeployment(t, caddy, upstream, publicPaths)
	d.gateway.list(t, "shop", shop)
	transport := &http3.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host}, // the authority is unknown
		Dial: func(ctx context.Context, _ string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
			return quic.DialAddrEarly(ctx, d.edge, t, q)
		},
	}
	defer transport.Close()
	client := &http.Client{Timeout: 20 * time.Second, Transport: transport}
	for _, row := range rows {
		if !row.isForHTTP2() {
			continue
		}
		want := d.inPath(t, row.request).atEdge(d.product)
		for _, added := range [][]string{nil, forged} {
			sent := row.request
			sent.headers = slices.Concat(row.headers, added)
			if got := d.sendBy(t, client, 3, sent); got != want {
				t.Errorf("%s, forged fields %q:\nat the edge %+v\nin the path %+v", row.rule, added, got, want)
			}
		}
	}
}
