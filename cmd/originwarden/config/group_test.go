package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

// inDirectoryWith changes into a directory that has ids.txt with the lines, and
// more.txt with other ids.
func inDirectoryWith(t *testing.T, lines ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"ids.txt": strings.Join(lines, "\n"), "more.txt": "x1\nx2\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const group = "- {ids_file: ids.txt, hosts: ['{id}.example.com'], upstream: 'http://{id}.internal:8080'}\n"

func TestLoad_ReadsTenantsOfFile(t *testing.T) {
	inDirectoryWith(t, "# the tenants", "", "acme", "  Big_Corp\t\r", "  # left out", "a.b-c", "acme-2")
	cfg := parse(t, `
defaults: {mode: headers, post_from_anywhere: [/login]}
tenants:
- {id: single, hosts: [single.example.com], upstream: 'http://u'}
- ids_file: ids.txt
  hosts: ['{id}.Example.com.', 'www.{id}.example.org']
  public_origins: ['https://{id}.example.com:8443', 'https://Portal.example']
  upstream: http://{id}.internal:8080
- {ids_file: more.txt, hosts: ['{id}.more.example'], upstream: 'http://shared'}
`)
	if got, want := cfg.TenantIDs(), []string{"single", "acme", "Big_Corp", "a.b-c", "acme-2", "x1", "x2"}; !slices.Equal(got, want) {
		t.Errorf("ids %q, want %q", got, want)
	}
	groups := cfg.Groups()
	for _, row := range []struct{ host, id string }{
		{"acme.example.com", "acme"},
		{"big_corp.example.com", "Big_Corp"},
		{"a.b-c.example.com", "a.b-c"},
		{"www.acme-2.example.org", "acme-2"},
		{"x2.more.example", "x2"},
		{"", ""},
		{"example.com", ""},
		{".example.com", ""},
		{"gone.example.com", ""},
		{"acme.example.org", ""},
		{"www.acme.example.com", ""},
		{"acme.more.example", ""},
		{"x1.example.com", ""},
		{"single.example.com", ""},
		{"{id}.example.com", ""},
		{"acme.example.com.evil.example", ""},
	} {
		id := ""
		if i := groups.IndexOfHost(row.host); i >= 0 {
			id = groups.At(i).ID
		}
		if id != row.id {
			t.Errorf("%s is the host of %q, want %q", row.host, id, row.id)
		}
	}
	if groups.Len() != 6 || groups.IndexOfID("single") >= 0 || groups.IndexOfID("big_corp") >= 0 || groups.IndexOfID("") >= 0 {
		t.Errorf("%d tenants, or ids that do not exist", groups.Len())
	}
	corp, shared := groups.At(groups.IndexOfID("Big_Corp")), groups.At(groups.IndexOfID("x2"))
	if !slices.Equal(corp.Hosts, []string{"big_corp.example.com", "www.big_corp.example.org"}) ||
		!slices.Equal(corp.PublicOrigins, []string{"https://big_corp.example.com:8443", "https://portal.example"}) ||
		corp.Upstream.String() != "http://Big_Corp.internal:8080" || corp.Mode != config.Headers || corp.IsGroup() ||
		!slices.Equal(corp.PostFromAnywhere, []string{"/login"}) || shared.Upstream.String() != "http://shared" {
		t.Errorf("got %+v and %+v", corp, shared)
	}
}

func TestLoad_RefusesMistakesInTenantsOfFile(t *testing.T) {
	const bad = ` is not a tenant id (1 to 64 of A-Z a-z 0-9 - _ . beginning with a letter or digit)`
	for _, c := range []struct {
		name, ids, tenants, want string
	}{
		{"every kind of mistake in the file", "acme\n-x\nok\nACME\nok\ntwo words\n# fine\n\nend",
			"- {id: end, hosts: [h.example], upstream: 'http://u'}\n" + group + "- {id: late, mode: no, hosts: [ok.example.com], upstream: 'http://u'}\n",
			`ids.txt:2: "-x"` + bad + `
ids.txt:4: the tenant id "ACME" differs only in case from "acme" on line 1
ids.txt:5: duplicate tenant id "ok", first on line 3
ids.txt:6: "two words"` + bad + `
ids.txt:3: duplicate host "ok.example.com", first at tenants[2].hosts[0] (line 4)
ids.txt:9: duplicate tenant id "end", first at tenants[0].id (line 2)
c.yaml:4: tenants[2].mode: "no" is not one of enforce, headers, report`},
		{"comment behind an id", "acme # first", group, `ids.txt:1: "acme # first"` + bad},
		{"missing file", "a", "- {ids_file: none.txt, hosts: ['{id}.x'], upstream: 'http://u'}", "c.yaml:2: tenants[0].ids_file: stat none.txt: no such file or directory"},
		{"directory", "a", "- {ids_file: ., hosts: ['{id}.x'], upstream: 'http://u'}", "c.yaml:2: tenants[0].ids_file: . is not a regular file"},
		{"no ids", "# none\n", group, "c.yaml:2: tenants[0].ids_file: the file has no ids"},
		{"file too large", strings.Repeat("# 34567\n", 2<<20) + "a\n", group, "c.yaml:2: tenants[0].ids_file: ids.txt has more than 16 MiB"},
		{"ids_file that is a list", "a", "- {ids_file: [a], hosts: [h.example], upstream: 'http://u'}", "c.yaml:2: tenants[0].ids_file must be a string, not a list"},
		{"both id and ids_file", "a", "- {id: a, ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://u'}", "c.yaml:2: tenants[0] has both id and ids_file: one of them names its tenants"},
		{"no hosts", "a", "- {ids_file: ids.txt, upstream: 'http://u'}", "c.yaml:2: tenants[0] has no hosts: tenants of an ids_file need one such as {id}.example.com"},
		{"no upstream", "a", "- {ids_file: ids.txt, hosts: ['{id}.x']}", "c.yaml:2: tenants[0] has no upstream"},
		{"host without {id}", "a", "- {ids_file: ids.txt, hosts: [h.example], upstream: 'http://u'}", `c.yaml:2: the host "h.example" of tenants of an ids_file does not have {id} once`},
		{"host *", "a", "- {ids_file: ids.txt, hosts: ['*'], upstream: 'http://u'}", `c.yaml:2: the host "*" of tenants of an ids_file does not have {id} once`},
		{"host with {id} twice", "a", "- {ids_file: ids.txt, hosts: ['{id}.{id}.x'], upstream: 'http://u'}", `c.yaml:2: the host "{id}.{id}.x" of tenants of an ids_file does not have {id} once`},
		{"host with {ID}", "a", "- {ids_file: ids.txt, hosts: ['{ID}.x'], upstream: 'http://u'}", `c.yaml:2: the host "{ID}.x" of tenants of an ids_file does not have {id} once`},
		{"host with a port", "a", "- {ids_file: ids.txt, hosts: ['{id}.x:443'], upstream: 'http://u'}", `c.yaml:2: the host "{id}.x:443" has a port, or is an IPv6 address without brackets`},
		{"host that is not ASCII", "a", "- {ids_file: ids.txt, hosts: ['bücher-{id}.x'], upstream: 'http://u'}", `c.yaml:2: the host "bücher-{id}.x" is not ASCII: write it in its form with xn--`},
		{"ids that are no hosts", "a-\na..b\nx_y\nxn--a\n" + strings.Repeat("a", 64), group,
			`ids.txt:1: tenants[0].hosts[0]: the host "a-.example.com" has a label that begins or ends with a hyphen
ids.txt:2: tenants[0].hosts[0]: the host "a..b.example.com" has a host that is not a name, an IPv4 or a bracketed IPv6 address
ids.txt:4: tenants[0].hosts[0]: the host "xn--a.example.com" has a host that is not a valid internationalized domain name
ids.txt:5: tenants[0].hosts[0]: the host "` + strings.Repeat("a", 64) + `.example.com" has a host that is not a name, an IPv4 or a bracketed IPv6 address`},
		{"id that makes a host an address", "0x7f", "- {ids_file: ids.txt, hosts: ['0.0.0.{id}'], upstream: 'http://u'}", `ids.txt:1: tenants[0].hosts[0]: the host "0.0.0.0x7f" has a host that is not a name, an IPv4 or a bracketed IPv6 address`},
		{"ids in two files", "a\nx2", group + "- {ids_file: more.txt, hosts: ['{id}.more.example'], upstream: 'http://u'}", `more.txt:2: duplicate tenant id "x2", first at ids.txt:2`},
		{"hosts in two files", "x-x1", group + "- {ids_file: more.txt, hosts: ['x-{id}.example.com'], upstream: 'http://u'}", `more.txt:1: duplicate host "x-x1.example.com", first of the id at ids.txt:1`},
		{"hosts of two ids", "a\nb-a", "- {ids_file: ids.txt, hosts: ['{id}.x', 'b-{id}.x'], upstream: 'http://u'}", `ids.txt:1: duplicate host "b-a.x", first of the id at ids.txt:2`},
		{"public origin that is invalid with an id", "a\nb-", "- {ids_file: ids.txt, hosts: ['x{id}x.x'], public_origins: ['https://{id}.x'], upstream: 'http://u'}", `ids.txt:2: tenants[0].public_origins[0]: "https://b-.x": the entry has a label that begins or ends with a hyphen`},
		{"public origin that is invalid with every id", "a\nb", "- {ids_file: ids.txt, hosts: ['{id}.x'], public_origins: ['{id}'], upstream: 'http://u'}", `c.yaml:2: "id": the entry has no scheme: an origin is scheme://host or scheme://host:port`},
		{"upstream that is invalid with every id", "a\nb", "- {ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://h:{id}'}", `c.yaml:2: tenants[0].upstream: "http://h:id" is not a URL such as http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock`},
		{"upstream that is the gateway", "localhost\n127.0.0.1\nother", "- {ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://{id}:8080'}",
			`ids.txt:1: tenants[0].upstream: "http://localhost:8080" is the gateway itself: listen is "127.0.0.1:8080"
ids.txt:2: tenants[0].upstream: "http://127.0.0.1:8080" is the gateway itself: listen is "127.0.0.1:8080"`},
		{"upstream without {id} that is the gateway", "a\nb", "- {ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://localhost:8080'}",
			`c.yaml:2: tenants[0].upstream: "http://localhost:8080" is the gateway itself: listen is "127.0.0.1:8080"`},
		{"other values", "a", "- {ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://u', post_from_anywhere: [x], upstream_tls: {ca: /nowhere}}",
			`c.yaml:2: tenants[0].upstream_tls needs an https upstream
c.yaml:2: tenants[0].upstream_tls: open /nowhere: no such file or directory
c.yaml:2: the path "x" does not begin with a slash`},
		{"too many upstream checks", strings.Join(numbered(1001), "\n"), "- {ids_file: ids.txt, hosts: ['{id}.x'], upstream: 'http://u', upstream_check: {path: /}}",
			"c.yaml:2: tenants[0].upstream_check runs for each of 1001 tenants: at most 1000 of a file can have it"},
		{"tenant of a token", "a", group + "api: {tokens: [{subject: s, tenant: '', role: admin, sha256: " + validHash + "}]}", `c.yaml:3: there is no tenant ""; "*" stands for all`},
		{"{id} and an invalid id", "a", "- {id: -, hosts: ['{id}.x'], upstream: 'http://{id}'}\n- {hosts: ['{id}.x'], upstream: 'http://{id}'}",
			"c.yaml:2: \"-\"" + bad + "\nc.yaml:3: tenants[1] has no id"},
	} {
		inDirectoryWith(t, c.ids)
		if got := strings.Join(parseMistakes(t, "tenants:\n"+c.tenants), "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint("t", i))
	}
	return ids
}

func TestLoad_ReplacesIDInEveryKindOfUpstream(t *testing.T) {
	inDirectoryWith(t, "acme")
	for _, row := range [][2]string{
		{"https://{id}.internal", "https://acme.internal"},
		{"h2c://{id}:50051", "h2c://acme:50051"},
		{"unix:/run/{id}.sock", "unix:/run/acme.sock"},
		{"http://app.internal/{id}/{id}", "http://app.internal/acme/acme"},
	} {
		cfg := parse(t, "tenants: [{ids_file: ids.txt, hosts: ['{id}.x'], upstream: '"+row[0]+"'}, {id: acme-2, hosts: ['{id}.x'], upstream: '"+row[0]+"'}]\n")
		if got := cfg.Groups().At(0).Upstream.String(); got != row[1] {
			t.Errorf("%s: got %s, want %s", row[0], got, row[1])
		}
		if got, want := cfg.Tenants[1].Upstream.String(), strings.ReplaceAll(row[1], "acme", "acme-2"); got != want {
			t.Errorf("%s with an id: got %s, want %s", row[0], got, want)
		}
	}
}

func TestLoad_ReportsHundredMistakesOfFile(t *testing.T) {
	inDirectoryWith(t, strings.Repeat("same\n", 500))
	got := parseMistakes(t, "tenants:\n"+group)
	if len(got) != 101 || got[99] != `ids.txt:101: duplicate tenant id "same", first on line 1` || got[100] != "ids.txt: 399 more mistakes" {
		t.Errorf("got %d mistakes: %q", len(got), got[max(0, len(got)-2):])
	}
}

func TestParse_RefusesFlagsForTenantsOfFile(t *testing.T) {
	inDirectoryWith(t, "a")
	for _, flag := range []config.Flag{{Name: "mode", Value: "report"}, {Name: "upstream", Value: "http://u"}} {
		want := "--" + flag.Name + ": the tenant has an ids_file, so the flag is ambiguous"
		if got := parseMistakes(t, "tenants:\n"+group, flag); !slices.Equal(got, []string{want}) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParse_AcceptsTokenOfTenantOfFile(t *testing.T) {
	inDirectoryWith(t, "a")
	parse(t, "tenants:\n"+group+"api: {tokens: [{subject: s, tenant: a, role: admin, sha256: "+validHash+"}]}")
}

func TestCheck_WarnsOfHostOfFileWithoutCertificate(t *testing.T) {
	pair := writeKeyPair(t, "*.example.com")
	list := filepath.Join(t.TempDir(), "ids.txt")
	for ids, want := range map[string][]string{
		"a\nb\n":        nil,
		"a\nb.c\nd.e\n": {`3: no certificate in tls is for the host "b.c.example.com": clients will refuse it`},
	} {
		if err := os.WriteFile(list, []byte(ids), 0o600); err != nil {
			t.Fatal(err)
		}
		warnings, mistakes := check(t, "tls: {cert: "+pair.Cert+", key: "+pair.Key+"}\ntenants:\n- {ids_file: '"+list+"', upstream: 'http://127.0.0.1:1', hosts: ['{id}.example.com']}\n")
		if !slices.Equal(warnings, want) || mistakes != nil {
			t.Errorf("%q: warnings %q, mistakes %q", ids, warnings, mistakes)
		}
	}
}
