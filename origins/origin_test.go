package origins_test

import (
	"strings"
	"testing"

	"originwarden/origins"
)

func TestWellFormed(t *testing.T) {
	label := strings.Repeat("a", 63)
	host253 := strings.Join([]string{label, label, label, strings.Repeat("a", 61)}, ".")
	scheme64 := strings.Repeat("s", 64)
	rows := []struct {
		origin string
		want   bool
		why    string
	}{
		{"https://" + label + ".example", true, "a label of 63"},
		{"https://" + label + "a.example", false, "a label of 64"},
		{"https://" + host253, true, "a host of 253"},
		{"https://" + host253 + ".", true, "a host of 253 and a trailing dot"},
		{"https://" + host253 + "a", false, "a host of 254"},
		{scheme64 + "://" + host253 + ":65535", true, "326 bytes"},
		{scheme64 + "://" + host253 + ".:65535", false, "327 bytes"},
		{"s" + scheme64 + "://a", false, "a scheme of 65"},
		{"3d://a", false, "a scheme begins with a letter"},
		{"app://" + strings.Repeat("a", 255), true, "an opaque host of 255"},
		{"app://" + strings.Repeat("a", 256), false, "an opaque host of 256"},
		{scheme64 + "://" + strings.Repeat("a", 255), true, "322 bytes"},
		{scheme64 + "://" + strings.Repeat("a", 255) + ":8080", false, "327 bytes"},
		{"app://-", true, "a hyphen"},
		{"app://.", true, "a dot"},
		{"app://..", true, "an opaque host has no labels"},
		{"app://-a-.1.2.3.256", true, "an opaque host is not an address"},
		{"app://A_z~0.", true, "every kind of allowed byte"},
		{"app://-:65535", true, "a port"},
		{"app://-:0", false, "port 0"},
		{"app://-:080", false, "a leading zero"},
		{"app://-:65536", false, "a port above 65535"},
		{"app://-:", false, "an empty port"},
		{"app://", false, "an empty host"},
		{"app://:1", false, "an empty host"},
		{"app://a!", false, "a byte that browsers keep but no application uses"},
		{"app://ü", false, "not ASCII"},
		{"app://[::1]", false, "an address in brackets"},
		{"http://A", false, "a special scheme"},
		{"https://A", false, "a special scheme"},
		{"ws://A", false, "a special scheme"},
		{"wss://A", false, "a special scheme"},
		{"ftp://A", false, "a special scheme"},
		{"file://A", false, "a special scheme"},
		{"httpx://A", true, "a scheme that begins like a special one"},
		{"web+app.x-1://a", true, "other bytes of a scheme"},
		{"http://a:1", true, "the lowest port"},
		{"http://a:65535", true, "the highest port"},
		{"http://a:443", true, "the default port of another scheme"},
		{"ws://a:80", false, "a default port"},
		{"wss://a:443", false, "a default port"},
		{"ftp://a:21", false, "a default port"},
		{"capacitor://a:80", true, "a scheme without a default port"},
		{"http://0xc000020a", false, "a number in lower-case hexadecimal"},
		{"http://a.0x", false, "browsers read 0x as 0"},
		{"http://a.0xg", true, "not a number"},
		{"http://1.2.3", false, "three parts"},
		{"http://1.2.3.4", true, "a dotted quad"},
		{"http://01.2.3.4", false, "a leading zero"},
		{"http://1.2.3.4.5", false, "five parts"},
		{"http://a.2.3.4", false, "a name whose last label is a number"},
		{"http://1.2.3.a", true, "a name with numbers before"},
		{"http://-a-.example", true, "hyphens, which only ParseEntry checks"},
		{"http://_dmarc.a", true, "underscores"},
		{"http://.", false, "no label"},
		{"http://a..b", false, "an empty label"},
		{"http://.a", false, "an empty label"},
		{"http://[::]", true, "the unspecified address"},
		{"http://[::1]:80", false, "a default port"},
		{"http://[0:0:0:0:0:0:0:1]", false, "not compressed"},
		{"http://[2001:db8:0:0:1:0:0:1]", false, "not compressed"},
		{"http://[2001:db8::1:0:0:1]", true, "the first of two equal runs"},
		{"http://[2001:db8:0:1:1:1:1:1]", true, "one zero is not compressed"},
		{"http://[2001:db8::1:1:1:1:1]", false, "one zero is compressed"},
		{"http://[::ffff:192.0.2.10]", false, "a dotted quad, which browsers do not return"},
		{"http://[::ffff:0:1]", true, "an IPv4-mapped address with a zero group"},
		{"http://[::ffff:0000:1]", false, "leading zeros"},
		{"http://[::ffff:c000:20a].", false, "a dot after an address"},
		{"http://[::1", false, "not closed"},
		{"http://[::1]a", false, "text after the bracket"},
		{"http://a\x00b", false, "a control byte"},
		{"http://a b", false, "a space"},
		{" http://a", false, "a space before"},
		{"http://a ", false, "a space after"},
	}
	for _, row := range rows {
		if got := origins.WellFormed(row.origin); got != row.want {
			t.Errorf("WellFormed(%q) = %v, want %v: %s", row.origin, got, row.want, row.why)
		}
	}
}

func TestParseEntry_ReturnsCanonicalForm(t *testing.T) {
	rows := []struct{ entry, want, why string }{
		{"https://thirdPartyApp.com", "https://thirdpartyapp.com", "the documented example"},
		{"HTTPS://EXAMPLE.COM", "https://example.com", "upper case"},
		{"https://example.com:443", "https://example.com", "a default port"},
		{"http://example.com:80", "http://example.com", "a default port"},
		{"https://example.com:80", "https://example.com:80", "another scheme's default port"},
		{"https://example.com/", "https://example.com", "one trailing slash"},
		{"https://example.com:8443/", "https://example.com:8443", "one trailing slash"},
		{"https://example.com.", "https://example.com.", "a trailing dot is another origin"},
		{"https://bücher.example", "https://xn--bcher-kva.example", "a Unicode host"},
		{"https://BÜCHER.example", "https://xn--bcher-kva.example", "a Unicode host in upper case"},
		{"https://faß.example", "https://xn--fa-hia.example", "not the transitional mapping"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example", "punycode"},
		{"https://XN--BCHER-KVA.example", "https://xn--bcher-kva.example", "punycode in upper case"},
		{"https://例え。テスト", "https://xn--r8jz45g.xn--zckzah", "an ideographic full stop"},
		{"https://r3---sn-x.example", "https://r3---sn-x.example", "hyphens inside, which strict IDNA refuses"},
		{"https://ab--cd.example", "https://ab--cd.example", "hyphens in third and fourth place"},
		{"https://_a._b.example", "https://_a._b.example", "underscores"},
		{"http://localhost:3000", "http://localhost:3000", ""},
		{"http://192.0.2.10", "http://192.0.2.10", "an IPv4 address"},
		{"http://[2001:DB8:0:0::1]:8080", "http://[2001:db8::1]:8080", "an IPv6 address in another form"},
		{"http://[::ffff:192.0.2.10]", "http://[::ffff:c000:20a]", "an IPv4-mapped address as browsers return it"},
		{"capacitor://localhost", "capacitor://localhost", "an application scheme"},
		{"capacitor://LOCALHOST", "capacitor://LOCALHOST", "an opaque host keeps its case"},
		{"Safari-Web-Extension://1F2E3D4C-5B6A-4789-8C0D-123456789ABC/", "safari-web-extension://1F2E3D4C-5B6A-4789-8C0D-123456789ABC", "an opaque host keeps its case, the scheme does not"},
		{"app://-", "app://-", "an opaque host"},
		{"app://./", "app://.", "an opaque host"},
		{"app://XN--.256", "app://XN--.256", "an opaque host is neither a name nor a number"},
		{"app://-:80", "app://-:80", "a scheme without a default port"},
		{"chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "an application scheme"},
	}
	for _, row := range rows {
		got, err := origins.ParseEntry(row.entry)
		if err != nil || got != row.want {
			t.Errorf("ParseEntry(%q) = %q, %v, want %q: %s", row.entry, got, err, row.want, row.why)
		}
	}
}

func TestParseEntry_RefusesInvalidEntries(t *testing.T) {
	rows := []struct{ entry, problem string }{
		{"", "empty"},
		{"example.com", "no scheme"},
		{"//example.com", "no scheme"},
		{"://example.com", "invalid scheme"},
		{"3d://example.com", "invalid scheme"},
		{"blin\u212a://example.com", "invalid scheme"}, // the Kelvin sign, whose lower case is k
		{"https:example.com", "no scheme"},
		{"https://", "no host"},
		{"https:///", "no host"},
		{"https://example.com//", "path"},
		{"https://example.com/a", "path"},
		{`https://example.com\a`, "path"},
		{"https://example.com?a", "query"},
		{"https://example.com/?a", "path"},
		{"https://example.com#a", "fragment"},
		{"https://user@example.com", "user info"},
		{"https://user:password@example.com", "user info"},
		{"null", "opaque"},
		{"NULL", "opaque"},
		{"file://", "file"},
		{"file:///etc", "file"},
		{"FILE://host", "file"},
		{"*", "wildcard"},
		{"https://*", "wildcard"},
		{"https://*.example.com", "wildcard"},
		{"https://example.com:*", "wildcard"},
		{"https://example.com:", "port"},
		{"https://example.com:0", "port"},
		{"https://example.com:08443", "port"},
		{"https://example.com:65536", "port"},
		{"https://example.com:a", "port"},
		{"https://a:1:2", "port"},
		{" https://example.com", "space"},
		{"https://example.com\n", "control"},
		{"https://exa\tmple.com", "control"},
		{"https://example.com\x00", "control"},
		{"https://example.com\u0085", "control"},
		{"https://exa\xffmple.com", "UTF-8"},
		{"https://exa%6Dple.com", "not a name"},
		{"https://a..b", "not a name"},
		{"https://.", "not a name"},
		{"https://-.example", "hyphen"},
		{"https://-a.example", "hyphen"},
		{"https://a-.example", "hyphen"},
		{"https://a.example-", "hyphen"},
		{"https://xn--.example", "internationalized"},
		{"https://xn--a.example", "internationalized"},
		{"https://app.example.com.xn--", "internationalized"}, // not app.example.com and a dot
		{"https://app.example.com.XN--", "internationalized"},
		{"https://app.example.com.\uff58n--", "internationalized"}, // a fullwidth x
		{"https://xn--.", "internationalized"},
		{"https://xn--\u00ad.example", "internationalized"}, // a soft hyphen
		{"https://xn--bücher-kva.example", "internationalized"},
		{"https://xn--te\u0161la", "internationalized"},
		{"https://x\u00adn--b\u03c0cher-kva.example", "internationalized"},
		{"https://xn--xn--a--gua.example", "internationalized"},
		{"https://xn--zn7c.example", "internationalized"},           // U+FFFD
		{"https://\u063a\u200c\u0621.example", "internationalized"}, // a non-joiner before a non-joining letter
		{"https://stra\u1e9ee.example", "write ss or ß"},
		{"https://\u05d0\U0001171e\u05d0.example", "versions of Unicode"},
		{"https://xn--4dba1101s.example", "versions of Unicode"}, // the same as an A-label
		{"https://a\u2100b.example", "not a name"},               // a/c
		{"https://a\uff05b.example", "not a name"},               // a percent sign
		{"https://\uff11.example.\uff12", "not a name"},
		{"https://a\u3002\uff0eb", "not a name"},
		{"https://xn--example-.com", "internationalized"},
		{"https://\u200d.example", "internationalized"},
		{"https://\u05d0a.example", "internationalized"}, // left-to-right within right-to-left
		{"app://", "no host"},
		{"app:///", "no host"},
		{"app://-//", "path"},
		{"app://bücher", "1 to 255"},
		{"app://a%20b", "1 to 255"},
		{"app://a!", "1 to 255"},
		{"app://[::1]", "1 to 255"},
		{"app://" + strings.Repeat("a", 256), "1 to 255"},
		{"app://-:0", "port"},
		{"app://-:080", "port"},
		{"app://a@-", "user info"},
		{strings.Repeat("s", 64) + "://" + strings.Repeat("a", 255) + ":8080", "longer"},
		{"http://0x7f.1", "not a name"},
		{"http://2130706433", "not a name"},
		{"http://192.0.2.010", "not a name"},
		{"http://192.0.2.256", "not a name"},
		{"http://[::1", "port"},
		{"http://[::1%25eth0]", "not a name"},
		{"http://[fe80::1%eth0]", "not a name"},
		{"http://[192.0.2.10]", "not a name"},
		{"http://[app.example.com]", "not a name"},
		{"http://2001:db8::1", "port"},
		{"https://" + strings.Repeat("a", 64) + ".example", "not a name"},
		{"https://" + strings.Repeat("a.", 2000) + "example", "too long"},
	}
	for _, row := range rows {
		got, err := origins.ParseEntry(row.entry)
		if err == nil {
			t.Errorf("ParseEntry(%q) = %q, want an error about %q", row.entry, got, row.problem)
		} else if !strings.Contains(err.Error(), row.problem) {
			t.Errorf("ParseEntry(%q): %v, want an error about %q", row.entry, err, row.problem)
		}
	}
}

// A canonical form is well formed and parses to itself, and no entry causes a
// panic.
func FuzzParseEntry_IsIdempotent(f *testing.F) {
	cases, entries := readCases(f)
	for _, c := range cases {
		f.Add(c.value)
	}
	for _, e := range entries {
		f.Add(strings.ToUpper(e) + "/")
	}
	for _, s := range []string{"https://bücher.example", "https://例え。テスト", "http://[::FFFF:1.2.3.4]:80/", "https://xn--a-ecp.ru", "https://a\u00adb.c", "https://\u2488.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		once, err := origins.ParseEntry(entry)
		if err != nil {
			if once != "" {
				t.Fatalf("ParseEntry(%q) = %q with %v", entry, once, err)
			}
			return
		}
		if !origins.WellFormed(once) {
			t.Fatalf("ParseEntry(%q) = %q, which is not well formed", entry, once)
		}
		if twice, err := origins.ParseEntry(once); err != nil || twice != once {
			t.Fatalf("ParseEntry(%q) = %q, and again: %q, %v", entry, once, twice, err)
		}
	})
}
