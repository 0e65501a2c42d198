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

// checked is what Check says of a configuration, without the name of its file.
func checked(t *testing.T, text string) (warnings, mistakes []string) {
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

func TestCheck_WarnsOfHostsThatNoCertificateIsFor(t *testing.T) {
	for _, row := range []struct {
		rule, host string
		names      []string
		covered    bool
	}{
		{"its name", "a.example", []string{"a.example"}, true},
		{"one of its names", "a.example", []string{"b.example", "a.example"}, true},
		{"another name", "a.example", []string{"b.example"}, false},
		{"a name in other case", "a.example", []string{"A.Example"}, true},
		{"a wildcard", "a.example.com", []string{"*.example.com"}, true},
		{"a wildcard is for one label", "a.b.example.com", []string{"*.example.com"}, false},
		{"a wildcard is not for its own domain", "example.com", []string{"*.example.com"}, false},
		{"an address", "192.0.2.7", []string{"192.0.2.7"}, true},
		{"another address", "192.0.2.8", []string{"192.0.2.7"}, false},
		{"an address of IPv6", "[2001:db8::7]", []string{"2001:db8::7"}, true},
		{"a certificate without names", "a.example", nil, false},
		{"every host", "*", []string{"a.example"}, true},
	} {
		pair := keyPair(t, row.names...)
		warnings, mistakes := checked(t, "tls: {cert: "+pair.Cert+", key: "+pair.Key+"}\ntenants:\n- {id: a, upstream: 'http://127.0.0.1:1', hosts: ['"+row.host+"']}\n")
		want := "3: no certificate in tls is for the host \"" + strings.Trim(row.host, "[]") + "\": clients will refuse it"
		if got := len(warnings) == 0; got != row.covered || !got && !slices.Equal(warnings, []string{want}) || mistakes != nil {
			t.Errorf("%s: %q, %q", row.rule, warnings, mistakes)
		}
	}
}

func TestCheck_CountsEveryCertificate(t *testing.T) {
	first, second := keyPair(t, "a.example"), keyPair(t, "*.b.example")
	warnings, mistakes := checked(t, `tenants:
- {id: a, upstream: 'http://127.0.0.1:1', hosts: [a.example, www.b.example]}
- id: c
  upstream: http://127.0.0.1:1
  hosts:
  - c.example
  - x.b.example
tls: {cert: `+first.Cert+`, key: `+first.Key+`, certs: [{cert: `+second.Cert+`, key: `+second.Key+`}]}
`)
	if want := []string{`6: no certificate in tls is for the host "c.example": clients will refuse it`}; !slices.Equal(warnings, want) || mistakes != nil {
		t.Errorf("%q, %q", warnings, mistakes)
	}
}

func TestCheck_WarnsOfCertificatesOutOfTheirTime(t *testing.T) {
	now := time.Now()
	valid := keyPair(t, "a.example")
	expired := keyPairFor(t, now.Add(-2*time.Hour), now.Add(-time.Hour), "a.example")
	early := keyPairFor(t, now.Add(time.Hour), now.Add(2*time.Hour), "a.example")
	tail := joined(t, valid, expired)
	for _, row := range []struct {
		rule, configuration, want string
	}{
		{"a valid one", "tls: {cert: " + valid.Cert + ", key: " + valid.Key + "}", ""},
		{"an expired one", "tls: {cert: " + expired.Cert + ", key: " + expired.Key + "}", `4: the certificate "` + expired.Cert + `" expired at `},
		{"one of later", "tls: {cert: " + early.Cert + ", key: " + early.Key + "}", `4: the certificate "` + early.Cert + `" is not valid before `},
		{"another of several", "tls:\n  certs:\n  - {cert: " + valid.Cert + ", key: " + valid.Key + "}\n  - {cert: " + expired.Cert + ", key: " + expired.Key + "}", `7: the certificate "` + expired.Cert + `" expired at `},
		{"the authority in its chain", "tls: {cert: " + tail.Cert + ", key: " + tail.Key + "}", `4: the certificate "` + tail.Cert + `" expired at `},
		{"the gateway's own for etcd", "store: {url: 'etcd://127.0.0.1:1', etcd: {cert: " + expired.Cert + ", key: " + expired.Key + "}}\n" +
			"api: {tokens: [{subject: a, tenant: a, role: admin, sha256: " + strings.Repeat("0a", 32) + "}]}", `4: the certificate "` + expired.Cert + `" expired at `},
	} {
		warnings, mistakes := checked(t, "tenants:\n- {id: a, upstream: 'http://127.0.0.1:1', hosts: [a.example]}\n\n"+row.configuration+"\n")
		if mistakes != nil || len(warnings) > 1 || !strings.HasPrefix(strings.Join(warnings, ""), row.want) || (row.want == "") != (len(warnings) == 0) {
			t.Errorf("%s: %q, %q", row.rule, warnings, mistakes)
		}
	}
}

// joined has the certificate of another pair behind its own.
func joined(t *testing.T, own, other config.KeyPair) config.KeyPair {
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

func TestCheck_ReportsAStoreThatCannotBeWritten(t *testing.T) {
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
		{"a file that is made", "store: {url: 'sqlite:" + dir + "/new.db'}", ""},
		{"a file that is there", "store: {url: 'sqlite:" + text + "'}", ""},
		{"a database", "store: {url: 'sqlite:" + sqlite + "'}", ""},
		{"a file of something else", "store: {url: 'sqlite:" + notes + "'}", `2: store.url: the file "` + notes + `" is not a SQLite database`},
		{"never made, a database", "store: {create: never, url: 'sqlite:" + sqlite + "'}", ""},
		{"never made, no file", "store: {create: never, url: 'sqlite:" + dir + "/new.db'}", `2: store.create is never, and the file "` + dir + `/new.db" does not exist`},
		{"never made, an empty file", "store: {create: never, url: 'sqlite:" + text + "'}", `2: store.create is never, and the file "` + text + `" is empty`},
		{"no directory", "store: {url: 'sqlite:" + dir + "/none/lists.db'}", `2: store.url: writing to the directory "` + dir + `/none": no such file or directory`},
		{"no directory in front", "store: {url: 'sqlite:" + text + "/lists.db'}", `2: store.url: writing to the directory "` + text + `": not a directory`},
		{"a directory as the file", "store: {url: 'sqlite:" + dir + "/taken.db'}", `2: store.url: writing to "` + dir + `/taken.db": is a directory`},
		{"a lock that cannot be taken", "store: {url: 'sqlite:" + dir + "/locked.db'}", `2: store.url: writing to "` + dir + `/locked.db.lock": is a directory`},
		{"lists on disk", remote + "cache: {snapshot_dir: '" + dir + "'}", ""},
		{"lists on disk, a directory that is made", remote + "cache: {snapshot_dir: '" + dir + "/lists/'}", ""},
		{"lists on disk, nothing to make it in", remote + "cache: {snapshot_dir: '" + dir + "/none/lists'}", `4: cache.snapshot_dir: writing to the directory "` + dir + `/none": no such file or directory`},
	} {
		_, mistakes := checked(t, "tenants: [{id: a, upstream: 'http://127.0.0.1:1'}]\n"+row.configuration)
		first := strings.Join(mistakes, "\n")
		if first == "" != (row.mistake == "") || !strings.HasPrefix(first, row.mistake) {
			t.Errorf("%s:\n got %s\nwant %s", row.rule, first, row.mistake)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 5 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}
