package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

func TestParse_ReportsEveryMistakeInOrderOfLines(t *testing.T) {
	got := parseMistakes(t, `listen: 8080
tracing: {cert: x}
trusted_proxies: [10.0.0.1/8]
tenants:
  - id: a b
    hosts: [x.example]
    upstream: http://user:secret@up.example/path
    mode: enforced
  - id: acme
    id: acme
    hosts: [x.example]
    public_origins: [https://ok.example, https://*.example]
    post_from_anywhere: [login]
    api: yes
api:
  tokens:
    - {subject: ops, tenant: nobody, role: root, sha256: abc}
  limits: {tenant_origins: 10}
cache: {origins: 9}
timeouts: {drain: 10}
limits: {header_bytes: 32KB, url_bytes: -1}
metrics: {tenants: -5}
`)
	want := []string{
		`c.yaml:1: listen must be a string, not "8080"`,
		`c.yaml:2: unknown key "cert" in tracing`,
		`c.yaml:3: trusted_proxies[0]: "10.0.0.1/8" has bits set beyond its prefix: the network is 10.0.0.0/8`,
		`c.yaml:5: "a b" is not a tenant id (1 to 64 of A-Z a-z 0-9 - _ . beginning with a letter or digit)`,
		`c.yaml:7: tenants[0].upstream: the URL has user info`,
		`c.yaml:8: tenants[0].mode: "enforced" is not one of enforce, headers, report`,
		`c.yaml:9: tenants[1] has no upstream`,
		`c.yaml:10: duplicate key "id", first on line 9`,
		`c.yaml:11: duplicate host "x.example", first at tenants[0].hosts[0] (line 6)`,
		`c.yaml:12: "https://*.example": the entry has a wildcard: list each origin by name`,
		`c.yaml:13: the path "login" does not begin with a slash`,
		`c.yaml:14: tenants[1].api must be true or false, not "yes"`,
		`c.yaml:17: api.tokens[0].role: "root" is not one of reader, admin`,
		`c.yaml:17: api.tokens[0].sha256: the hash is not 64 hexadecimal digits`,
		`c.yaml:17: there is no tenant "nobody"; "*" stands for all`,
		`c.yaml:18: api.limits.tenant_origins (10) is above cache.origins (9)`,
		`c.yaml:20: timeouts.drain: "10" is not a duration such as 90s, 10m or 1h30m`,
		`c.yaml:21: limits.header_bytes: "32KB" is not a size such as 4096, 32KiB or 1MiB`,
		`c.yaml:21: limits.url_bytes: "-1" is negative`,
		`c.yaml:22: metrics.tenants must not be negative`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const validHash = "00000000000000000000000000000000000000000000000000000000000000ff"

func TestParse_RefusesMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty file", "", "c.yaml:1: there are no tenants: add one under tenants, or use --upstream"},
		{"list instead of a mapping", "- a\n", "c.yaml:1: the file must be a mapping, not a list"},
		{"second document", oneTenant + "---\nlisten: ':1'\n", "c.yaml:2: a second YAML document: only one is allowed"},
		{"control character", oneTenant + "log: {level: \x01}\n", "c.yaml:2: the line has a control character"},
		{"Latin-1", oneTenant + "# \xe4\n", "c.yaml:2: the line is not UTF-8"},
		{"scanner error", oneTenant + "listen: a: b\n", "c.yaml:2: invalid YAML: mapping values are not allowed in this context"},
		{"scanner error on the first line", "\tlisten: a\n", "c.yaml:1: invalid YAML: found character that cannot start any token"},
		{"tab instead of spaces", oneTenant + "log:\n  level: info\n\tformat: json\n", "c.yaml:3: invalid YAML: found a tab character that violates indentation"},
		{"quote that does not end", oneTenant + "listen: ':1\n", "c.yaml:2: invalid YAML: found unexpected end of stream"},
		{"parser error", oneTenant + "- a\n", "c.yaml:2: invalid YAML: did not find expected key"},
		{"parser error in a list", oneTenant + "trusted_proxies: [a\nlog: {}\n", "c.yaml:2: invalid YAML: did not find expected ',' or ']'"},
		{"parser error at the end", "log: {level: info\n", "c.yaml:1: invalid YAML: did not find expected ',' or '}'"},
		{"unknown anchor", oneTenant + "\nlisten: *there\n", "c.yaml: invalid YAML: unknown anchor 'there' referenced"},
		{"merge key", oneTenant + "log:\n  <<: {level: info}\n", `c.yaml:3: unknown key "<<" in log`},
		{"key that is a list", oneTenant + "[a, b]: 1\n", `c.yaml:2: unknown key ""`},
		{"key in the wrong section", oneTenant + "cache: {timeout: 2s}\n", `c.yaml:2: unknown key "timeout" in cache`},
		{"key in another case", oneTenant + "Listen: ':1'\n", `c.yaml:2: unknown key "Listen"`},
		{"key without a value", oneTenant + "listen:\n", "c.yaml:2: listen must be a string: the value is missing"},
		{"section without a value", oneTenant + "cors:\n", "c.yaml:2: cors must be a mapping: the value is missing"},
		{"duration without a value", oneTenant + "store: {timeout: }\n", "c.yaml:2: store.timeout must be a single value: the value is missing"},
		{"scalar for a section", oneTenant + "cors: true\n", `c.yaml:2: cors must be a mapping, not "true"`},
		{"scalar for a list", oneTenant + "cors: {methods: GET}\n", `c.yaml:2: cors.methods must be a list, not "GET"`},
		{"list for a string", oneTenant + "listen: [a]\n", "c.yaml:2: listen must be a string, not a list"},
		{"mapping for a size", oneTenant + "limits: {url_bytes: {a: 1}}\n", "c.yaml:2: limits.url_bytes must be a single value, not a mapping"},
		{"string for a number", oneTenant + "cache: {tenants: '5'}\n", `c.yaml:2: cache.tenants must be a whole number, not "5"`},
		{"number with underscores", oneTenant + "cache: {tenants: 1_000}\n", `c.yaml:2: cache.tenants must be a whole number, not "1_000"`},
		{"octal number", oneTenant + "cache: {tenants: 010}\n", `c.yaml:2: cache.tenants must be a whole number, not "010"`},
		{"max_age with half a second", oneTenant + "cors: {max_age: 1500ms}\n", "c.yaml:2: cors.max_age is not whole seconds"},
		{"fraction", oneTenant + "cache: {tenants: 1.5}\n", `c.yaml:2: cache.tenants must be a whole number, not "1.5"`},
		{"number too large", oneTenant + "cache: {tenants: 99999999999999999999}\n", `c.yaml:2: cache.tenants must be a whole number, not "99999999999999999999"`},
		{"size too large", oneTenant + "limits: {url_bytes: 9999999999GiB}\n", `c.yaml:2: limits.url_bytes: "9999999999GiB" is too large`},
		{"negative size", oneTenant + "limits: {url_bytes: -1KiB}\n", `c.yaml:2: limits.url_bytes: "-1KiB" is negative`},
		{"size without a number", oneTenant + "limits: {url_bytes: KiB}\n", `c.yaml:2: limits.url_bytes: "KiB" is not a size such as 4096, 32KiB or 1MiB`},
		{"size with a plus sign", oneTenant + "limits: {url_bytes: +1}\n", `c.yaml:2: limits.url_bytes: "+1" is not a size such as 4096, 32KiB or 1MiB`},
		{"negative duration", oneTenant + "timeouts: {drain: -1s}\n", `c.yaml:2: timeouts.drain: "-1s" is negative`},
		{"zero duration that must be positive", oneTenant + "store: {timeout: 0s}\n", "c.yaml:2: store.timeout must be more than 0"},
		{"more records than can be searched", oneTenant + "history: {records: 100001}\n", "c.yaml:2: history.records is above 100000"},
		{"negative number of records", oneTenant + "history: {records: -1}\n", "c.yaml:2: history.records must not be negative"},
		{"negative age of records", oneTenant + "history: {age: -1h}\n", `c.yaml:2: history.age: "-1h" is negative`},
		{"age of records without a unit", oneTenant + "history: {age: 365}\n", `c.yaml:2: history.age: "365" is not a duration such as 90s, 10m or 1h30m`},
		{"unknown key of the history", oneTenant + "history: {days: 7}\n", `c.yaml:2: unknown key "days" in history`},
		{"zero bound", oneTenant + "cache: {tenants: 0}\n", "c.yaml:2: cache.tenants must be more than 0"},
		{"header_bytes below what browsers send", oneTenant + "limits: {header_bytes: 4KiB}\n", "c.yaml:2: limits.header_bytes is below 8192 (8KiB)"},
		{"address without a port", oneTenant + "listen: localhost\n", `c.yaml:2: listen: "localhost" is not an address such as 127.0.0.1:8080 or :8080`},
		{"address with a named port", oneTenant + "listen: ':http'\n", `c.yaml:2: listen: ":http" is not an address such as 127.0.0.1:8080 or :8080`},
		{"address with a port above 65535", oneTenant + "admin: {listen: ':65536'}\n", `c.yaml:2: admin.listen: ":65536" is not an address such as 127.0.0.1:8080 or :8080`},
		{"address with a scheme", oneTenant + "listen: http://a:80\n", `c.yaml:2: listen: "http://a:80" is not an address such as 127.0.0.1:8080 or :8080`},
		{"invalid address for decisions", oneTenant + "decide: {listen: here}\n", `c.yaml:2: decide.listen: "here" is not an address such as 127.0.0.1:8080 or :8080`},
		{"same address for listen and decisions", oneTenant + "listen: :9\ndecide: {listen: ':9'}\n", "c.yaml:3: decide.listen is the same address as listen"},
		{"same address for admin and decisions", oneTenant + "decide: {listen: '127.0.0.1:9090'}\n", "c.yaml:2: decide.listen is the same address as admin.listen"},
		{"unknown dialect", oneTenant + "decide: {dialect: Nginx}\n", `c.yaml:2: decide.dialect: "Nginx" is not one of nginx, traefik, caddy, envoy`},
		{"certificate for decisions without their address", oneTenant + "decide: {tls: {cert: a.pem, key: a.key}}\n", "c.yaml:2: decide.tls is set without decide.listen"},
		{"authorities without a certificate", oneTenant + "decide: {listen: ':9', tls: {client_ca: a.pem}}\n", "c.yaml:2: decide.tls: client_ca needs a certificate of the listener: cert and key\nc.yaml:2: decide.tls.client_ca: open a.pem: no such file or directory"},
		{"decisions, and no upstream, which is checked", "decide: {listen: ':9'}\ntenants: [{id: a, hosts: [a.example], upstream_check: {path: /up}}]\n", "c.yaml:2: tenants[0].upstream_check needs an upstream"},
		{"same address for listen and admin", oneTenant + "listen: :9\nadmin: {listen: ':9'}\n", "c.yaml:3: admin.listen is the same address as listen"},
		{"address instead of a network", oneTenant + "trusted_proxies: [10.0.0.1]\n", `c.yaml:2: trusted_proxies[0]: "10.0.0.1" is not a network such as 10.0.0.0/8 or 192.0.2.7/32`},
		{"IPv4-mapped network", oneTenant + "trusted_proxies: ['::ffff:10.0.0.0/104']\n", `c.yaml:2: trusted_proxies[0]: "::ffff:10.0.0.0/104" is an IPv4 network in IPv6 form, which matches no peer`},
		{"invalid upstream_check", tenant + "    upstream_check: {path: healthz, interval: 1ms, timeout: 0s}\n",
			`c.yaml:4: "healthz" is not a path such as /healthz
c.yaml:4: tenants[0].upstream_check.interval is below 1s
c.yaml:4: tenants[0].upstream_check.timeout must be more than 0`},
		{"shutdown_delay longer than drain", oneTenant + "timeouts: {shutdown_delay: 11s}\n", `c.yaml:2: timeouts.shutdown_delay must not be longer than timeouts.drain, which includes it`},
		{"invalid store.create", oneTenant + "store: {create: once}\n", `c.yaml:2: store.create: "once" is not one of auto, never`},
		{"cluster without a port", oneTenant + "store: {url: 'etcd://h'}\n", `c.yaml:2: store.url: "h" is not a member of a cluster such as etcd-1.internal:2379`},
		{"invalid cluster with etcd keys", oneTenant + "store: {url: 'etcd://h', etcd: {username: u}}\ncache: {snapshot_dir: /tmp}\n", `c.yaml:2: store.url: "h" is not a member of a cluster such as etcd-1.internal:2379`},
		{"empty cluster member", oneTenant + "store: {url: 'etcd://h:1,/p'}\n", `c.yaml:2: store.url: "" is not a member of a cluster such as etcd-1.internal:2379`},
		{"cluster URL with a query", oneTenant + "store: {url: 'etcd://h:1/p?x'}\n", `c.yaml:2: store.url: the prefix "p?x" has a query or a fragment`},
		{"cluster with a password", oneTenant + "store: {url: 'etcd://u:secret@h:1/p'}\n", `c.yaml:2: store.url: the URL has user info: for etcd, use store.etcd.username and store.etcd.password_file`},
		{"cluster with a password that has a slash", oneTenant + "store: {url: 'etcd://u:sec/ret@h:1/p'}\n", `c.yaml:2: store.url: the URL has user info: for etcd, use store.etcd.username and store.etcd.password_file`},
		{"another store with a password", oneTenant + "store: {url: 'redis://u:secret@h:1/p'}\n", `c.yaml:2: store.url: the URL has user info: for etcd, use store.etcd.username and store.etcd.password_file`},
		{"cluster without tokens", oneTenant + "store: {url: 'etcd://h:2379'}\n", `c.yaml:2: a store in etcd needs api.tokens or api.oidc: without them, nobody can use the API`},
		{"username without a password", oneTenant + token + "store: {url: 'etcd://h:2379', etcd: {username: u}}\n", `c.yaml:3: store.etcd needs both username and password_file, or neither`},
		{"missing password file", oneTenant + token + "store: {url: 'etcd://h:2379', etcd: {username: u, password_file: /nowhere}}\n", `c.yaml:3: store.etcd: open /nowhere: no such file or directory`},
		{"certificate without a key", oneTenant + token + "store: {url: 'etcd://h:2379', etcd: {cert: /nowhere}}\n", `c.yaml:3: store.etcd: a certificate needs both cert and key`},
		{"etcd keys with a SQLite store", oneTenant + "store: {etcd: {username: u}}\n", `c.yaml:2: store.etcd is for a store in etcd, and store.url is "sqlite:originwarden.db"`},
		{"snapshot_dir with a SQLite store", oneTenant + "cache: {snapshot_dir: /tmp}\n", `c.yaml:2: cache.snapshot_dir is for a store in etcd, and store.url is "sqlite:originwarden.db"`},
		{"store in memory", oneTenant + "store: {url: 'sqlite::memory:'}\n", `c.yaml:2: store.url: "sqlite::memory:" is not a store such as sqlite:/var/lib/originwarden/lists.db or etcd://HOST:2379,HOST:2379/PREFIX`},
		{"store URL with a query", oneTenant + "store: {url: 'sqlite:a.db?mode=ro'}\n", `c.yaml:2: store.url: "sqlite:a.db?mode=ro" is not a store such as sqlite:/var/lib/originwarden/lists.db or etcd://HOST:2379,HOST:2379/PREFIX`},
		{"invalid log level", oneTenant + "log: {level: fatal}\n", `c.yaml:2: log.level: "fatal" is not one of debug, info, warn, error`},
		{"collector without a scheme", oneTenant + "tracing: {otlp: 'collector:4318'}\n", `c.yaml:2: tracing.otlp: "collector:4318" is not a URL such as http://collector:4318 or grpc://collector:4317`},
		{"collector with another scheme", oneTenant + "tracing: {otlp: 'tcp://collector:4318'}\n", `c.yaml:2: tracing.otlp: "tcp://collector:4318" is not a URL such as http://collector:4318 or grpc://collector:4317`},
		{"collector without a host", oneTenant + "tracing: {otlp: 'http://:4318'}\n", `c.yaml:2: tracing.otlp: "http://:4318" is not a URL such as http://collector:4318 or grpc://collector:4317`},
		{"collector with user info", oneTenant + "tracing: {otlp: 'http://u:secret@collector:4318'}\n", `c.yaml:2: tracing.otlp: the URL has user info: credentials belong in OTEL_EXPORTER_OTLP_HEADERS`},
		{"collector with a query", oneTenant + "tracing: {otlp: 'http://collector:4318/?a'}\n", `c.yaml:2: tracing.otlp: "http://collector:4318/?a" has a query or a fragment, which would be ignored`},
		{"gRPC collector without a port", oneTenant + "tracing: {otlp: 'grpc://collector'}\n", `c.yaml:2: tracing.otlp: "grpc://collector" has no port such as 4317`},
		{"gRPC collector with a path", oneTenant + "tracing: {otlp: 'grpc://collector:4317/v1/traces'}\n", `c.yaml:2: tracing.otlp: "grpc://collector:4317/v1/traces" has a path, which gRPC does not use`},
		{"collector with port 0", oneTenant + "tracing: {otlp: 'http://collector:0'}\n", `c.yaml:2: tracing.otlp: "http://collector:0" has a port that is not a number from 1 to 65535`},
		{"sample above 1", oneTenant + "tracing: {sample: 1.1}\n", `c.yaml:2: tracing.sample: "1.1" is not a number from 0 to 1`},
		{"negative sample", oneTenant + "tracing: {sample: -0.1}\n", `c.yaml:2: tracing.sample: "-0.1" is not a number from 0 to 1`},
		{"sample that is not a number", oneTenant + "tracing: {sample: .nan}\n", `c.yaml:2: tracing.sample: ".nan" is not a number from 0 to 1`},
		{"hexadecimal sample", oneTenant + "tracing: {sample: 0x1p-1}\n", `c.yaml:2: tracing.sample: "0x1p-1" is not a number from 0 to 1`},
		{"invalid log format", oneTenant + "log: {format: text}\n", `c.yaml:2: log.format: "text" is not one of json, console, auto`},
		{"invalid method", oneTenant + "cors: {methods: ['A B']}\n", `c.yaml:2: "A B" is not the name of a method`},
		{"asterisk as method", oneTenant + "cors: {methods: ['*']}\n", `c.yaml:2: "*" is not the name of a method`},
		{"forbidden method", oneTenant + "cors: {methods: [trace]}\n", "c.yaml:2: the method trace is never forwarded"},
		{"invalid request header", oneTenant + "cors: {request_headers: ['a:']}\n", `c.yaml:2: "a:" is not the name of a header`},
		{"invalid exposed header", oneTenant + "cors: {expose_headers: ['']}\n", `c.yaml:2: "" is not the name of a header`},
		{"all headers exposed with credentials", oneTenant + "cors: {expose_headers: ['*']}\n", `c.yaml:2: "*" exposes nothing if cors.credentials is true: list the headers by name`},
		{"token without keys", oneTenant + "api:\n  tokens:\n  - subject: s\n", "c.yaml:4: api.tokens[0] has no tenant\nc.yaml:4: api.tokens[0] has no role\nc.yaml:4: api.tokens[0] has no sha256"},
		{"token with an empty subject", oneTenant + "api: {tokens: [{subject: '', tenant: a, role: admin, sha256: " + validHash + "}]}\n", "c.yaml:2: the subject is empty, longer than 256 characters, or has a control character"},
		{"token with an empty tenant", oneTenant + "api: {tokens: [{subject: s, tenant: '', role: admin, sha256: " + validHash + "}]}\n", `c.yaml:2: there is no tenant ""; "*" stands for all`},
		{"two zero bounds on a line", oneTenant + "cache: {tenants: 0, origins: 0}\n", "c.yaml:1: api.limits.tenant_origins (1000000) is above cache.origins (0)\nc.yaml:2: cache.tenants must be more than 0\nc.yaml:2: cache.origins must be more than 0"},
		{"duplicate token", oneTenant + "api:\n  tokens:\n  - {subject: s, tenant: a, role: admin, sha256: " + validHash + "}\n  - {subject: t, tenant: '*', role: reader, sha256: " + strings.ToUpper(validHash) + "}\n", "c.yaml:5: duplicate hash \"" + validHash + "\", first at api.tokens[0].sha256 (line 4)"},
	} {
		if got := strings.Join(parseMistakes(t, c.text), "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestParse_RefusesMistakesInTenants(t *testing.T) {
	const up = "upstream: 'http://u'"
	const anUpstream = "http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock"
	for _, c := range []struct{ name, tenants, want string }{
		{"duplicate tenant id", "- {id: a, " + up + "}\n- {id: a, hosts: [h.example], " + up + "}", `c.yaml:3: duplicate tenant id "a", first at tenants[0].id (line 2)`},
		{"two tenants without hosts", "- {id: a, " + up + "}\n- {id: b, hosts: [], " + up + "}", "c.yaml:3: tenants[1] has no hosts of its own, like tenants[0] (line 2): only one tenant can take all other hosts"},
		{"tenant without hosts and tenant with host *", "- {id: a, " + up + "}\n- {id: b, hosts: ['*'], " + up + "}", `c.yaml:3: tenants[1] has no hosts of its own, like tenants[0] (line 2): only one tenant can take all other hosts`},
		{"host * and another host", "- {id: a, hosts: ['*', h.example], " + up + "}", `c.yaml:2: the host "*" stands for all, so it must be the only one`},
		{"host * twice", "- {id: a, hosts: ['*', '*'], " + up + "}", `c.yaml:2: the host "*" stands for all, so it must be the only one` + "\n" + `c.yaml:2: the host "*" stands for all, so it must be the only one`},
		{"missing id", "- {" + up + "}", "c.yaml:2: tenants[0] has no id"},
		{"id that is a label value of the metrics", "- {id: _other, " + up + "}", `c.yaml:2: "_other" is not a tenant id (1 to 64 of A-Z a-z 0-9 - _ . beginning with a letter or digit)`},
		{"empty id", "- {id: '', " + up + "}", `c.yaml:2: "" is not a tenant id (1 to 64 of A-Z a-z 0-9 - _ . beginning with a letter or digit)`},
		{"id too long", "- {id: " + strings.Repeat("a", 65) + ", " + up + "}", `c.yaml:2: "` + strings.Repeat("a", 65) + `" is not a tenant id (1 to 64 of A-Z a-z 0-9 - _ . beginning with a letter or digit)`},
		{"id that is a number", "- {id: 12, " + up + "}", `c.yaml:2: tenants[0].id must be a string, not "12"`},
		{"same host in different forms", "- {id: a, hosts: [H.example, h.example.], " + up + "}", `c.yaml:2: duplicate host "h.example", first at tenants[0].hosts[0] (line 2)`},
		{"host with a port", "- {id: a, hosts: ['h.example:443'], " + up + "}", `c.yaml:2: the host "h.example:443" has a port, or is an IPv6 address without brackets`},
		{"host with a path", "- {id: a, hosts: [h.example/], " + up + "}", `c.yaml:2: the host "h.example/" has a path`},
		{"host with user info", "- {id: a, hosts: [u@h.example], " + up + "}", `c.yaml:2: the host "u@h.example" has user info: an origin has none`},
		{"wildcard host", "- {id: a, hosts: ['*.example'], " + up + "}", `c.yaml:2: the host "*.example" has a wildcard: list each origin by name`},
		{"IPv6 host without brackets", "- {id: a, hosts: ['::1'], " + up + "}", `c.yaml:2: the host "::1" has a port, or is an IPv6 address without brackets`},
		{"scalar for a tenant", "- a", `c.yaml:2: tenants[0] must be a mapping, not "a"`},
		{"upstream with a prefix that has a query", "- {id: a, upstream: 'http://u/p?q'}", `c.yaml:2: tenants[0].upstream: "http://u/p?q" has a query or a fragment, which would be ignored`},
		{"upstream with a prefix that has a fragment", "- {id: a, upstream: 'h2c://u/p#f'}", `c.yaml:2: tenants[0].upstream: "h2c://u/p#f" has a query or a fragment, which would be ignored`},
		{"upstream with dots in its prefix", "- {id: a, upstream: 'http://u/a/../b'}", `c.yaml:2: tenants[0].upstream: the path "/a/../b" is not clean: use "/b"`},
		{"upstream with an empty segment in its prefix", "- {id: a, upstream: 'http://u/a//b'}", `c.yaml:2: tenants[0].upstream: the path "/a//b" is not clean: use "/a/b"`},
		{"upstream with two slashes at the end", "- {id: a, upstream: 'http://u//'}", `c.yaml:2: tenants[0].upstream: the path "/" is not clean: use ""`},
		{"upstream with an escaped prefix", "- {id: a, upstream: 'https://u/a%2e'}", `c.yaml:2: tenants[0].upstream: the path "/a%2e" has invalid or escaped characters`},
		{"upstream with a space in its prefix", "- {id: a, upstream: 'http://u/a b'}", `c.yaml:2: tenants[0].upstream: the path "/a%20b" has invalid or escaped characters`},
		{"HTTP/2 upstream without a host", "- {id: a, upstream: 'h2c:///a'}", `c.yaml:2: tenants[0].upstream: "h2c:///a" is not a URL such as ` + anUpstream},
		{"HTTP/2 upstream with TLS", "- {id: a, upstream: 'h2c://u', upstream_tls: {server_name: u}}", `c.yaml:2: tenants[0].upstream_tls needs an https upstream`},
		{"socket with TLS", "- {id: a, upstream: 'unix:/run/a.sock', upstream_tls: {server_name: u}}", `c.yaml:2: tenants[0].upstream_tls needs an https upstream`},
		{"socket with a relative path", "- {id: a, upstream: 'unix:run/a.sock'}", `c.yaml:2: tenants[0].upstream: "run/a.sock" is not the absolute path of a socket, as in unix:/run/app.sock`},
		{"socket with a host", "- {id: a, upstream: 'unix://run/a.sock'}", `c.yaml:2: tenants[0].upstream: the path "//run/a.sock" of the socket is not clean: use "/run/a.sock"`},
		{"socket without a path", "- {id: a, upstream: 'unix:'}", `c.yaml:2: tenants[0].upstream: "" is not the absolute path of a socket, as in unix:/run/app.sock`},
		{"abstract socket", "- {id: a, upstream: 'unix:@a'}", `c.yaml:2: tenants[0].upstream: "@a" is not the absolute path of a socket, as in unix:/run/app.sock`},
		{"directory as socket", "- {id: a, upstream: 'unix:/run/'}", `c.yaml:2: tenants[0].upstream: "/run/" is not the absolute path of a socket, as in unix:/run/app.sock`},
		{"socket with a prefix", "- {id: a, upstream: 'unix:/run/a.sock:/base'}", `c.yaml:2: tenants[0].upstream: the path "/run/a.sock:/base" of the socket has one of : ? # %, which stand for nothing here`},
		{"socket with a query", "- {id: a, upstream: 'unix:/run/a.sock?x'}", `c.yaml:2: tenants[0].upstream: the path "/run/a.sock?x" of the socket has one of : ? # %, which stand for nothing here`},
		{"socket with dots", "- {id: a, upstream: 'unix:/run/../a.sock'}", `c.yaml:2: tenants[0].upstream: the path "/run/../a.sock" of the socket is not clean: use "/a.sock"`},
		{"socket with a long path", "- {id: a, upstream: 'unix:/" + strings.Repeat("a", 103) + "'}", `c.yaml:2: tenants[0].upstream: the path "/` + strings.Repeat("a", 79) + `" of the socket is longer than 103 bytes`},
		{"invalid upstream_host", "- {id: a, upstream_host: tenant, " + up + "}", `c.yaml:2: tenants[0].upstream_host: "tenant" is not one of client, upstream`},
		{"upstream with a query", "- {id: a, upstream: 'http://u?'}", `c.yaml:2: tenants[0].upstream: "http://u?" has a query or a fragment, which would be ignored`},
		{"upstream with a fragment", "- {id: a, upstream: 'http://u#'}", `c.yaml:2: tenants[0].upstream: "http://u#" has a query or a fragment, which would be ignored`},
		{"upstream with user info", "- {id: a, upstream: 'http://u:p@h'}", "c.yaml:2: tenants[0].upstream: the URL has user info"},
		{"upstream of another scheme with user info", "- {id: a, upstream: 'ftp://u:p@h'}", "c.yaml:2: tenants[0].upstream: the URL has user info"},
		{"upstream with a password that has a slash", "- {id: a, upstream: 'http://u:p/w@h'}", "c.yaml:2: tenants[0].upstream: the URL has user info"},
		{"upstream with another scheme", "- {id: a, upstream: 'ws://u'}", `c.yaml:2: tenants[0].upstream: "ws://u" is not a URL such as ` + anUpstream},
		{"upstream without a scheme", "- {id: a, upstream: '127.0.0.1:3000'}", `c.yaml:2: tenants[0].upstream: "127.0.0.1:3000" is not a URL such as ` + anUpstream},
		{"upstream without a host", "- {id: a, upstream: 'http://:80'}", `c.yaml:2: tenants[0].upstream: "http://:80" is not a URL such as ` + anUpstream},
		{"upstream with port 0", "- {id: a, upstream: 'http://u:0'}", `c.yaml:2: tenants[0].upstream: "http://u:0" has a port that is not a number from 1 to 65535`},
		{"upstream with an empty port", "- {id: a, upstream: 'http://u:'}", `c.yaml:2: tenants[0].upstream: "http://u:" has a port that is not a number from 1 to 65535`},
		{"invalid require_origin", "- {id: a, require_origin: all, " + up + "}", `c.yaml:2: tenants[0].require_origin: "all" is not one of none, websocket, unsafe`},
		{"public path without a slash", "- {id: a, public_paths: [assets/*], " + up + "}", `c.yaml:2: the path "assets/" does not begin with a slash`},
		{"public path that is a *", "- {id: a, public_paths: ['*'], " + up + "}", `c.yaml:2: the path "*" has a * that is not its last segment, as in /assets/*`},
		{"public path with a * after a name", "- {id: a, public_paths: ['/assets*'], " + up + "}", `c.yaml:2: the path "/assets*" has a * that is not its last segment, as in /assets/*`},
		{"public path with a * inside", "- {id: a, public_paths: ['/*/a', '/a*b', '/a/*/*'], " + up + "}", `c.yaml:2: the path "/*/a" has a * that is not its last segment, as in /assets/*
c.yaml:2: the path "/a*b" has a * that is not its last segment, as in /assets/*
c.yaml:2: the path "/a/*/*" has a * that is not its last segment, as in /assets/*`},
		{"public path that is not clean", "- id: a\n  public_paths: [/ok, /a//b/*]\n  " + up, `c.yaml:3: the path "/a//b/" is not clean: use "/a/b"`},
		{"public path with dots", "- {id: a, public_paths: [/a/../b, /a..b], " + up + "}", `c.yaml:2: the path "/a/../b" is not clean: use "/b"
c.yaml:2: the path "/a..b" has two dots, and is never public`},
		{"public path with a semicolon", "- {id: a, public_paths: ['/a;b'], " + up + "}", `c.yaml:2: the path "/a;b" has a semicolon, and is never public`},
		{"public path with an escape, a query, a space or a backslash", "- {id: a, public_paths: [/a%20b, '/a?b', '/a b', '/a\\b'], " + up + "}", `c.yaml:2: the path "/a%20b" has invalid or escaped characters
c.yaml:2: the path "/a?b" has invalid or escaped characters
c.yaml:2: the path "/a b" has invalid or escaped characters
c.yaml:2: the path "/a\\b" has invalid or escaped characters`},
		{"public path of the API", "- {id: a, public_paths: [/api/v1/web-integrations/*], " + up + "}", `c.yaml:2: the path "/api/v1/web-integrations/" belongs to the API`},
		{"public path that is no string", "- {id: a, public_paths: [1], " + up + "}", `c.yaml:2: tenants[0].public_paths[0] must be a string, not "1"`},
		{"too many public paths", "- {id: a, public_paths: [" + strings.Repeat("/a, ", 101) + "], " + up + "}", `c.yaml:2: tenants[0].public_paths has more than 100 paths`},
		{"cors of a tenant", "- {id: a, " + up + ", cors: {max_age: 1500ms, methods: ['*'], request_headers: ['a b'], expose_headers: ['']}}", `c.yaml:2: tenants[0].cors.max_age is not whole seconds
c.yaml:2: "*" is not the name of a method
c.yaml:2: "a b" is not the name of a header
c.yaml:2: "" is not the name of a header`},
		{"method of a tenant that is never forwarded", "- {id: a, " + up + ", cors: {methods: [Trace]}}", `c.yaml:2: the method Trace is never forwarded`},
		{"unknown key in cors of a tenant", "- {id: a, " + up + ", cors: {origins: ['*']}}", `c.yaml:2: unknown key "origins" in tenants[0].cors`},
		{"cors of a tenant without a value", "- {id: a, " + up + ", cors: }", `c.yaml:2: tenants[0].cors must be a mapping: the value is missing`},
		{"credentials of a tenant that are no boolean", "- {id: a, " + up + ", cors: {credentials: yes}}", `c.yaml:2: tenants[0].cors.credentials must be true or false, not "yes"`},
		{"tenant that exposes * with the global credentials", "- id: a\n  " + up + "\n  cors:\n    expose_headers: ['*']", `c.yaml:5: "*" exposes nothing if tenants[0].cors.credentials is true: list the headers by name`},
		{"tenant with credentials for the global *", "- id: a\n  " + up + "\n  cors:\n    credentials: true\ncors: {credentials: false, expose_headers: ['*']}", `c.yaml:5: "*" exposes nothing if tenants[0].cors.credentials is true: list the headers by name`},
		{"global mistake, once", "- {id: a, " + up + ", cors: {max_age: 1s}}\ncors: {methods: ['*']}", `c.yaml:3: "*" is not the name of a method`},
		{"invalid patterns", "- {id: a, patterns: any, " + up + "}", `c.yaml:2: tenants[0].patterns: "any" is not one of none, own, hosted`},
		{"patterns as a boolean", "- {id: a, patterns: true, " + up + "}", `c.yaml:2: tenants[0].patterns: "true" is not one of none, own, hosted`},
		{"patterns as a list", "- {id: a, patterns: [own], " + up + "}", `c.yaml:2: tenants[0].patterns must be a single value, not a list`},
		{"pattern among public_origins", "- {id: a, patterns: hosted, public_origins: ['https://*.example.com'], " + up + "}", `c.yaml:2: "https://*.example.com": the entry has a wildcard: list each origin by name`},
		{"exempt path that is not clean", "- {id: a, post_from_anywhere: [/a//b], " + up + "}", `c.yaml:2: the path "/a//b" is not clean: use "/a/b"`},
		{"exempt path with dots", "- {id: a, post_from_anywhere: [/a/../b], " + up + "}", `c.yaml:2: the path "/a/../b" is not clean: use "/b"`},
		{"escaped exempt path", "- {id: a, post_from_anywhere: [/a%20b], " + up + "}", `c.yaml:2: the path "/a%20b" has invalid or escaped characters`},
		{"exempt path with a query", "- {id: a, post_from_anywhere: ['/a?b'], " + up + "}", `c.yaml:2: the path "/a?b" has invalid or escaped characters`},
		{"exempt path with a space", "- {id: a, post_from_anywhere: ['/a b'], " + up + "}", `c.yaml:2: the path "/a b" has invalid or escaped characters`},
		{"exempt path of the API", "- {id: a, post_from_anywhere: [/api/v1/web-integrations/x], " + up + "}", `c.yaml:2: the path "/api/v1/web-integrations/x" belongs to the API`},
	} {
		if got := strings.Join(parseMistakes(t, "tenants:\n"+c.tenants), "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestParse_NamesInvalidFlag(t *testing.T) {
	const two = "tenants: [{id: a, hosts: [a.example], upstream: 'http://u'}, {id: b, upstream: 'http://u'}]\n"
	for _, c := range []struct {
		name, text string
		flags      []config.Flag
		want       string
	}{
		{"invalid address", oneTenant, []config.Flag{{"listen", "x"}}, `--listen: listen: "x" is not an address such as 127.0.0.1:8080 or :8080`},
		{"empty address", oneTenant, []config.Flag{{"admin-listen", ""}}, `--admin-listen: admin.listen: "" is not an address such as 127.0.0.1:8080 or :8080`},
		{"invalid mode", oneTenant, []config.Flag{{"mode", "x"}}, `--mode: "x" is not one of enforce, headers, report`},
		{"invalid store", oneTenant, []config.Flag{{"store", "x.db"}}, `--store: "x.db" is not a store such as sqlite:/var/lib/originwarden/lists.db or etcd://HOST:2379,HOST:2379/PREFIX`},
		{"upstream with several tenants", two, []config.Flag{{"upstream", "http://u"}}, "--upstream: the file has 2 tenants, so the flag is ambiguous"},
		{"mode with several tenants", two, []config.Flag{{"mode", "report"}}, "--mode: the file has 2 tenants, so the flag is ambiguous"},
		{"mode without a tenant", "listen: :1\n", []config.Flag{{"mode", "report"}}, "c.yaml:1: there are no tenants: add one under tenants, or use --upstream\n--mode: there is no tenant to apply it to"},
		{"mistakes in the file and a flag", oneTenant + "log: {level: x}\n", []config.Flag{{"listen", "x"}}, `c.yaml:2: log.level: "x" is not one of debug, info, warn, error` + "\n" + `--listen: listen: "x" is not an address such as 127.0.0.1:8080 or :8080`},
		{"flag replaces an invalid value", oneTenant + "listen: x\n", []config.Flag{{"listen", ":1"}}, ""},
	} {
		if got := strings.Join(parseMistakes(t, c.text, c.flags...), "\n"); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestLoad_RefusesMissingFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "missing.yaml"))
	if err == nil || !strings.Contains(err.Error(), "missing.yaml") || strings.Contains(err.Error(), "\n") {
		t.Errorf("unexpected error %v", err)
	}
}

func TestLoad_RequiresTenant(t *testing.T) {
	_, err := config.Load("")
	if err == nil || err.Error() != "there are no tenants: add one under tenants, or use --upstream" {
		t.Errorf("unexpected error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(oneTenant)
	f.Add("a: &a [*a]\n")
	f.Add("tenants: &t [{id: a, hosts: *t, upstream: *t}]\n")
	f.Add("listen: !!binary aGk=\n? {a: b}\n: c\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse("c.yaml", []byte(text))
		if (cfg == nil) == (err == nil) {
			t.Fatalf("got %v and %v", cfg, err)
		}
	})
}

// tenant is a configuration of a tenant to which lines can be added.
const tenant = "tenants:\n  - id: a\n    upstream: http://up.example\n"

// token is a line with a valid API token.
const token = "api: {tokens: [{subject: s, tenant: '*', role: admin, sha256: 0000000000000000000000000000000000000000000000000000000000000012}]}\n"
