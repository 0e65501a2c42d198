package clientaddr_test

import (
	"net/netip"
	"testing"

	"originwarden/envelope/clientaddr"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":              "192.0.2.1",
		"192.0.2.1:80":           "192.0.2.1",
		"2001:db8::1":            "2001:db8::1",
		"[2001:db8::1]":          "2001:db8::1",
		"[2001:db8::1]:80":       "2001:db8::1",
		"fe80::1%eth0":           "fe80::1",
		"[fe80::1%eth0]:80":      "fe80::1",
		"::ffff:192.0.2.1":       "192.0.2.1",
		"[::ffff:192.0.2.1]:80":  "192.0.2.1",
		"":                       "invalid IP",
		"unknown":                "invalid IP",
		"client.example:80":      "invalid IP",
		"192.0.2.1, 192.0.2.2":   "invalid IP",
		"@":                      "invalid IP",
		"192.0.2.1:http":         "invalid IP",
		"\"[2001:db8::1]:4711\"": "invalid IP",
	} {
		if got := clientaddr.Parse(in).String(); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"2001:db8:1:2:ff::4": "2001:db8:1:2::/64",
		"2001:db8:1:3::4":    "2001:db8:1:3::/64",
		"nobody":             "invalid Prefix",
	} {
		if got := clientaddr.Network(clientaddr.Parse(in)).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestProxies_Client(t *testing.T) {
	trusted := clientaddr.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		rule  string
		lines []string
		want  string
	}{
		{"no header", nil, "10.0.0.1"},
		{"empty header", []string{""}, "10.0.0.1"},
		{"one address", []string{"192.0.2.1"}, "192.0.2.1"},
		{"address with a port", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"rightmost address", []string{"192.0.2.9, 192.0.2.1"}, "192.0.2.1"},
		{"rightmost untrusted address", []string{"192.0.2.9,192.0.2.1, 10.0.0.2 ,\t2001:db8::1"}, "192.0.2.1"},
		{"last line", []string{"192.0.2.9", "192.0.2.1"}, "192.0.2.1"},
		{"several lines", []string{"192.0.2.9, 192.0.2.1", "10.0.0.3, 10.0.0.2"}, "192.0.2.1"},
		{"IPv4-mapped proxy", []string{"192.0.2.1, ::ffff:10.0.0.2"}, "192.0.2.1"},
		{"leftmost address if all are trusted", []string{"10.0.0.4", "10.0.0.3, 10.0.0.2"}, "10.0.0.4"},
		{"address to the right of an invalid one", []string{"192.0.2.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"address to the right of an empty element", []string{"192.0.2.9,, 10.0.0.2"}, "10.0.0.2"},
	} {
		if got := trusted.Client(clientaddr.Parse("10.0.0.1"), c.lines).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}

func TestProxies_Contains(t *testing.T) {
	trusted := clientaddr.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for in, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.1.2.3": false, "2001:db8::1": false, "": false} {
		if got := trusted.Contains(clientaddr.Parse(in)); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
