package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"originwarden/cmd/originwarden/config"
)

// check returns the warnings and mistakes of a configuration, without the name of
// its file.
func check(t *testing.T, text string) (warnings, mistakes []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, found, err := config.Check(file)
	for _, w := range found {
		warnings = append(warnings, strings.TrimPrefix(w.String(), file+":"))
	}
	if err != nil {
		mistakes = strings.Split(strings.ReplaceAll(err.Error(), file+":", ""), "\n")
	}
	return warnings, mistakes
}

func TestCheck_WarnsOfHostsWithoutCertificate(t *testing.T) {
	for _, row := range []struct {
		rule, host string
		names      []string
		covered    bool
	}{
		{"same name", "a.example", []string{"a.example"}, true},
		{"one of several names", "a.example", []string{"b.example", "a.example"}, true},
		{"other name", "a.example", []string{"b.example"}, false},
		{"name in another case", "a.example", []string{"A.Example"}, true},
		{"wildcard", "a.example.com", []string{"*.example.com"}, true},
		{"wildcard and two labels", "a.b.example.com", []string{"*.example.com"}, false},
		{"wildcard and its own domain", "example.com", []string{"*.example.com"}, false},
		{"address", "192.0.2.7", []string{"192.0.2.7"}, true},
		{"other address", "192.0.2.8", []string{"192.0.2.7"}, false},
		{"IPv6 address", "[2001:db8::7]", []string{"2001:db8::7"}, true},
		{"certificate without names", "a.example", nil, false},
		{"every host", "*", []string{"a.example"}, true},
	} {
		pair := writeKeyPair(t, row.names...)
		warnings, mistakes := check(t, "tls: {cert: "+pair.Cert+", key: "+pair.Key+"}\ntenants:\n- {id: a, upstream: 'http://127.0.0.1:1', hosts: ['"+row.host+"']}\n")
		want := "3: no certificate in tls is for the host \"" + strings.Trim(row.host, "[]") + "\": clients will refuse it"
		if got := len(warnings) == 0; got != row.covered || !got && !slices.Equal(warnings, []string{want}) || mistakes != nil {
			t.Errorf("%s: warnings %q, mistakes %q", row.rule, warnings, mistakes)
		}
	}
}

func TestCheck_UsesEveryCertificate(t *testing.T) {
	first, second := writeKeyPair(t, "a.example"), writeKeyPair(t, "*.b.example")
	warnings, mistakes := check(t, `tenants:
- {id: a, upstream: 'http://127.0.0.1:1', hosts: [a.example, www.b.example]}
- id: c
  upstream: http://127.0.0.1:1
  hosts:
  - c.example
  - x.b.example
tls: {cert: `+first.Cert+`, key: `+first.Key+`, certs: [{cert: `+second.Cert+`, key: `+second.Key+`}]}
`)
	if want := []string{`6: no certificate in tls is for the host "c.example": clients will refuse it`}; !slices.Equal(warnings, want) || mistakes != nil {
		t.Errorf("warnings %q, mistakes %q; want %q and none", warnings, mistakes, want)
	}
}

func TestCheck_WarnsOfExpiredCertificates(t *testing.T) {
	now := time.Now()
	valid := writeKeyPair(t, "a.example")
	expired := writeKeyPairFor(t, now.Add(-2*time.Hour), now.Add(-time.Hour), "a.example")
	early := writeKeyPairFor(t, now.Add(time.Hour), now.Add(2*time.Hour), "a.example")
	tail := joinCertificates(t, valid, expired)
	for _, row := range []struct {
		rule, configuration, want string
	}{
		{"valid", "tls: {cert: " + valid.Cert + ", key: " + valid.Key + "}", ""},
		{"expired", "tls: {cert: " + expired.Cert + ", key: " + expired.Key + "}", `4: the certificate "` + expired.Cert + `" expired at `},
		{"not yet valid", "tls: {cert: " + early.Cert + ", key: " + early.Key + "}", `4: the certificate "` + early.Cert + `" is not valid before `},
		{"second of several expired", "tls:\n  certs:\n  - {cert: " + valid.Cert + ", key: " + valid.Key + "}\n  - {cert: " + expired.Cert + ", key: " + expired.Key + "}", `7: the certificate "` + expired.Cert + `" expired at `},
		{"expired authority in the chain", "tls: {cert: " + tail.Cert + ", key: " + tail.Key + "}", `4: the certificate "` + tail.Cert + `" expired at `},
		{"expired client certificate for etcd", "store: {url: 'etcd://127.0.0.1:1', etcd: {cert: " + expired.Cert + ", key: " + expired.Key + "}}\n" +
			"api: {tokens: [{subject: a, tenant: a, role: admin, sha256: " + strings.Repeat("0a", 32) + "}]}", `4: the certificate "` + expired.Cert + `" expired at `},
	} {
		warnings, mistakes := check(t, "tenants:\n- {id: a, upstream: 'http://127.0.0.1:1', hosts: [a.example]}\n\n"+row.configuration+"\n")
		if mistakes != nil || len(warnings) > 1 || !strings.HasPrefix(strings.Join(warnings, ""), row.want) || (row.want == "") != (len(warnings) == 0) {
			t.Errorf("%s: warnings %q, mistakes %q", row.rule, warnings, mistakes)
		}
	}
}

// joinCertificates returns own with the certificate of other appended.
func joinCertificates(t *testing.T, own, other config.KeyPair) config.KeyPair {
	t.Helper()
	var chain []byte
	for _, file := range []string{own.Cert, other.Cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, text...)
	}
	file := filepath.Join(t.TempDir(), "chain.crt")
	if err := os.WriteFile(file, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	return config.KeyPair{Cert: file, Key: own.Key}
}

func TestCheck_ReportsUnwritableStore(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(dir, "notes")
	if err := os.WriteFile(notes, []byte("no database\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sqlite := filepath.Join(dir, "lists.db")
	if err := os.WriteFile(sqlite, []byte("SQLite format 3\x00 and so on"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"taken.db", "locked.db.lock"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const remote = "store: {url: 'etcd://127.0.0.1:1'}\n" +
		"api: {tokens: [{subject: a, tenant: a, role: admin, sha256: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a}]}\n"
	for _, row := range []struct{ rule, configuration, mistake string }{
		{"new file", "store: {url: 'sqlite:" + dir + "/new.db'}", ""},
		{"empty file", "store: {url: 'sqlite:" + text + "'}", ""},
		{"database", "store: {url: 'sqlite:" + sqlite + "'}", ""},
		{"file that is not a database", "store: {url: 'sqlite:" + notes + "'}", `2: store.url: the file "` + notes + `" is not a SQLite database`},
		{"create never, database", "store: {create: never, url: 'sqlite:" + sqlite + "'}", ""},
		{"create never, missing file", "store: {create: never, url: 'sqlite:" + dir + "/new.db'}", `2: store.create is never, and the file "` + dir + `/new.db" does not exist`},
		{"create never, empty file", "store: {create: never, url: 'sqlite:" + text + "'}", `2: store.create is never, and the file "` + text + `" is empty`},
		{"missing directory", "store: {url: 'sqlite:" + dir + "/none/lists.db'}", `2: store.url: writing to the directory "` + dir + `/none": no such file or directory`},
		{"file as the directory", "store: {url: 'sqlite:" + text + "/lists.db'}", `2: store.url: writing to the directory "` + text + `": not a directory`},
		{"directory as the file", "store: {url: 'sqlite:" + dir + "/taken.db'}", `2: store.url: writing to "` + dir + `/taken.db": is a directory`},
		{"directory as the lock", "store: {url: 'sqlite:" + dir + "/locked.db'}", `2: store.url: writing to "` + dir + `/locked.db.lock": is a directory`},
		{"snapshot directory", remote + "cache: {snapshot_dir: '" + dir + "'}", ""},
		{"new snapshot directory", remote + "cache: {snapshot_dir: '" + dir + "/lists/'}", ""},
		{"snapshot directory without a parent", remote + "cache: {snapshot_dir: '" + dir + "/none/lists'}", `4: cache.snapshot_dir: writing to the directory "` + dir + `/none": no such file or directory`},
	} {
		_, mistakes := check(t, "tenants: [{id: a, upstream: 'http://127.0.0.1:1'}]\n"+row.configuration)
		first := strings.Join(mistakes, "\n")
		if first == "" != (row.mistake == "") || !strings.HasPrefix(first, row.mistake) {
			t.Errorf("%s:\n got %s\nwant %s", row.rule, first, row.mistake)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5 {
		t.Errorf("Check left files: %v (%v)", left, err)
	}
}
