package config_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

// ownAddress returns an address of this machine for which isOfKind is true, or
// otherwise if there is none.
func ownAddress(t *testing.T, isOfKind func(netip.Addr) bool, otherwise string) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && isOfKind(prefix.Addr()) && !prefix.Addr().IsLoopback() {
			return prefix.Addr().String()
		}
	}
	return otherwise // on a machine without a network
}

func TestParse_RefusesGatewayAsUpstream(t *testing.T) {
	own := ownAddress(t, netip.Addr.Is4, "127.0.0.3")
	linkLocal := ownAddress(t, netip.Addr.IsLinkLocalUnicast, "::1")
	for _, row := range []struct {
		listen, admin, upstream string
		is                      string // the key whose address the upstream is
	}{
		{":8080", ":9090", "http://127.0.0.1:8080", "listen"},
		{":8080", ":9090", "http://127.0.0.9:8080", "listen"},
		{":8080", ":9090", "http://[::1]:8080", "listen"},
		{":8080", ":9090", "http://localhost:8080", "listen"},
		{":8080", ":9090", "http://LOCALHOST.:8080", "listen"},
		{":8080", ":9090", "http://app.localhost:8080", "listen"},
		{":8080", ":9090", "http://0.0.0.0:8080", "listen"},
		{":8080", ":9090", "http://[::]:8080", "listen"},
		{":8080", ":9090", "http://[::ffff:127.0.0.1]:8080", "listen"},
		{":8080", ":9090", "https://localhost:8080", "listen"},
		{":8080", ":9090", "http://" + own + ":8080", "listen"},
		{":8080", ":9090", "http://" + net.JoinHostPort(linkLocal, "8080"), "listen"},
		{"0.0.0.0:8080", ":9090", "http://[::1]:8080", "listen"},
		{"[::]:8080", ":9090", "http://127.0.0.1:8080", "listen"},
		{"127.0.0.1:8080", ":9090", "http://localhost:8080", "listen"},
		{"127.0.0.1:8080", ":9090", "http://127.0.0.1:8080/", "listen"},
		{"127.0.0.1:8080", ":9090", "http://0.0.0.0:8080", "listen"},
		{"localhost:8080", ":9090", "http://127.0.0.1:8080", "listen"},
		{"localhost:8080", ":9090", "http://localhost:8080", "listen"},
		{"[::1]:8080", ":9090", "http://localhost:8080", "listen"},
		{"192.0.2.7:8080", ":9090", "http://192.0.2.7:8080", "listen"},
		{"gateway.internal:8080", ":9090", "http://Gateway.internal:8080", "listen"},
		{":80", ":9090", "http://localhost", "listen"},
		{":443", ":9090", "https://localhost", "listen"},
		{":80", ":9090", "h2c://localhost", "listen"},
		{":8080", ":9090", "http://127.0.0.1:8080/base", "listen"},
		{":8080", "127.0.0.1:9090", "http://127.0.0.1:9090", "admin.listen"},
		{":8080", ":9090", "http://" + own + ":9090", "admin.listen"},

		{":8080", ":9090", "http://127.0.0.1:8081", ""},
		{":8080", ":9090", "http://192.0.2.7:8080", ""},
		{":8080", ":9090", "unix:/run/app.sock", ""},
		{":8080", ":9090", "http://app.internal:8080", ""},
		{":80", ":9090", "https://localhost", ""},
		{"127.0.0.1:8080", ":9090", "http://127.0.0.2:8080", ""},
		{"127.0.0.1:8080", ":9090", "http://[::1]:8080", ""},
		{"192.0.2.7:8080", ":9090", "http://127.0.0.1:8080", ""},
		{"192.0.2.7:8080", ":9090", "http://0.0.0.0:8080", ""},
		{"127.0.0.1:0", "127.0.0.1:0", "http://127.0.0.1:3000", ""},
	} {
		text := fmt.Sprintf("listen: '%s'\nadmin: {listen: '%s'}\ntenants:\n  - id: a\n    upstream: %s\n", row.listen, row.admin, row.upstream)
		_, err := config.Parse("c.yaml", []byte(text))
		got := fmt.Sprint(err)
		want := "<nil>"
		if row.is != "" {
			shown := map[string]string{"listen": row.listen, "admin.listen": row.admin}[row.is]
			want = fmt.Sprintf("c.yaml:5: tenants[0].upstream: %q is the gateway itself: %s is %q", strings.TrimSuffix(row.upstream, "/"), row.is, shown)
		}
		if got != want {
			t.Errorf("listen %s, admin %s, upstream %s:\n got %s\nwant %s", row.listen, row.admin, row.upstream, got, want)
		}
	}
}

func TestLoad_RefusesGatewayInUpstreamFlag(t *testing.T) {
	_, err := config.Load("", config.Flag{Name: "upstream", Value: "http://localhost:8080"})
	const want = `--upstream: tenants[0].upstream: "http://localhost:8080" is the gateway itself: listen is "127.0.0.1:8080"`
	if fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := config.Load("", config.Flag{Name: "upstream", Value: "http://localhost:8080"}, config.Flag{Name: "listen", Value: "127.0.0.1:0"}); err != nil {
		t.Errorf("with another port: %v", err)
	}
}
