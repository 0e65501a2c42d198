package upstream_test

import (
	"net/url"
	"testing"

	"originwarden/proxy/upstream"
)

func TestHost_IsThatOfUpstream(t *testing.T) {
	for _, row := range []struct{ url, host, prefix, base string }{
		{"http://up.example", "up.example", "", "http://up.example"},
		{"http://up.example:80/base", "up.example", "/base", "http://up.example:80/base"},
		{"http://up.example:443/base/", "up.example:443", "/base", "http://up.example:443/base"},
		{"https://up.example:443", "up.example", "", "https://up.example:443"},
		{"https://up.example:80/a/b", "up.example:80", "/a/b", "https://up.example:80/a/b"},
		{"h2c://up.example:80", "up.example", "", "http://up.example:80"},
		{"h2c://127.0.0.1:50051/base", "127.0.0.1:50051", "/base", "http://127.0.0.1:50051/base"},
		{"http://[::1]", "[::1]", "", "http://[::1]"},
		{"http://[::1]:3000", "[::1]:3000", "", "http://[::1]:3000"},
		{"http://[fe80::1%25lo]", "[fe80::1]", "", "http://[fe80::1%25lo]"},
		{"http://[fe80::1%25lo]:3000", "[fe80::1]:3000", "", "http://[fe80::1%25lo]:3000"},
		{"unix:/run/app.sock", "localhost", "", "http://localhost"},
	} {
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		if host, prefix, base := upstream.Host(u), upstream.Prefix(u), upstream.BaseURL(u); host != row.host || prefix != row.prefix || base != row.base {
			t.Errorf("%s: host %q, prefix %q, base %q; want %q, %q, %q", row.url, host, prefix, base, row.host, row.prefix, row.base)
		}
	}
}
