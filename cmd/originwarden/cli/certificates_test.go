package cli

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// startWithCertificates starts a gateway with three certificates, of which the
// first is the default.
func startWithCertificates(t *testing.T, ca *authority) *runningCommand {
	dir := t.TempDir()
	first := ca.issue(t, dir, "a.example")
	var more []string
	for _, name := range []string{"b.example", "*.c.example"} {
		pair := ca.issue(t, dir, name)
		more = append(more, fmt.Sprintf("{cert: %q, key: %q}", pair.Cert, pair.Key))
	}
	return startGateway(t, dir, tenantConfig(startServer(t, hello),
		fmt.Sprintf("tls: {cert: %q, key: %q, certs: [%s]}", first.Cert, first.Key, strings.Join(more, ", "))))
}

func TestServe_SelectsCertificateByServerName(t *testing.T) {
	r := startWithCertificates(t, newAuthority(t, t.TempDir()))
	for _, row := range []struct{ asked, want string }{
		{"a.example", "a.example"},
		{"b.example", "b.example"},
		{"B.Example", "b.example"},
		{"x.c.example", "*.c.example"},
		{"x.y.c.example", "a.example"},
		{"c.example", "a.example"},
		{"unknown.example", "a.example"},
		{"", "a.example"},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conn, err := tls.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"),
				&tls.Config{ServerName: row.asked, MinVersion: version, MaxVersion: version, InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := conn.ConnectionState().PeerCertificates[0].DNSNames[0]; got != row.want {
				t.Errorf("%q, %s: certificate for %s, want %s", row.asked, tls.VersionName(version), got, row.want)
			}
			conn.Close()
		}
	}
}

func TestServe_NegotiatesHTTP2WithEveryCertificate(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	r := startWithCertificates(t, ca)
	for _, name := range []string{"a.example", "b.example", "x.c.example"} {
		client := ca.client(t, tls.VersionTLS13)
		client.Transport.(*http.Transport).TLSClientConfig.ServerName = name
		res, err := client.Get("https" + strings.TrimPrefix(r.tenants, "http"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		res.Body.Close()
		if res.StatusCode != 200 || res.Proto != "HTTP/2.0" {
			t.Errorf("%s: %s %s", name, res.Proto, res.Status)
		}
	}
}

func TestServe_ReloadsEveryCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	var pairs []string
	for _, name := range []string{"a.example", "b.example"} {
		pair := ca.issue(t, dir, name)
		pairs = append(pairs, fmt.Sprintf("{cert: %q, key: %q}", pair.Cert, pair.Key))
	}
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), "tls: {certs: ["+strings.Join(pairs, ", ")+"]}"))
	renewed := map[string]int64{}
	for _, name := range []string{"a.example", "b.example"} {
		ca.issue(t, dir, name)
		renewed[name] = ca.serial
	}
	for name, want := range renewed {
		r.await(t, r.stderr, `"the certificate has changed","cert":"[^"]*`+name+`.crt"`)
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"), &tls.Config{ServerName: name, RootCAs: ca.pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("%s: certificate %d, want %d", name, got, want)
		}
	}
}

func TestServe_WarnsAboutCertificatesThatClientsReject(t *testing.T) {
	dir := t.TempDir()
	pair := newAuthority(t, dir).issue(t, dir, "a.example")
	configuration := func(host string) string {
		return fmt.Sprintf("tenants: [{id: acme, hosts: [%s], upstream: 'http://127.0.0.1:1'}]\ntls: {cert: %q, key: %q}\n", host, pair.Cert, pair.Key)
	}
	const line = `"level":"warn".*"certificates will be rejected","problems":1,"first":\["no certificate in tls is for the host \\"b.example\\": clients will refuse it"\]`
	r := startGateway(t, dir, configuration("b.example"))
	r.await(t, r.stderr, line)
	f := startReloadable(t, configuration("a.example"))
	if strings.Contains(f.stderr.String(), "certificates will be rejected") {
		t.Errorf("unexpected warning about a valid certificate:\n%s", f.stderr)
	}
	f.replaceConfig(t, configuration("b.example"))
	f.hangups <- nil
	f.await(t, f.stderr, line)
}

func TestServe_CheckSeparatesWarningsFromMistakes(t *testing.T) {
	dir := t.TempDir()
	pair := newAuthority(t, dir).issue(t, dir, "a.example")
	file := writeConfig(t, fmt.Sprintf("tenants: [{id: acme, hosts: [b.example], upstream: 'http://127.0.0.1:1'}]\ntls: {cert: %q, key: %q}\n", pair.Cert, pair.Key))
	warning := "originwarden: warning: " + file + ":1: no certificate in tls is for the host \"b.example\": clients will refuse it\n"
	status, stdout, stderr := runCommand(t, noListeners(t), "serve", "--check", "--config", file, "--store", "sqlite:"+dir+"/lists.db")
	if status != exitDone || stdout != "configuration is valid\n" || stderr != warning {
		t.Errorf("exit status %d, %q and\n%s", status, stdout, stderr)
	}
	status, stdout, stderr = runCommand(t, noListeners(t), "serve", "--check", "--config", file, "--store", "sqlite:"+dir+"/none/lists.db")
	mistake := "--store: store.url: writing to the directory \"" + dir + "/none\": no such file or directory\n"
	if status != exitUsage || stdout != "" || stderr != warning+mistake {
		t.Errorf("exit status %d, %q and\n%s", status, stdout, stderr)
	}
	status, stdout, stderr = runCommand(t, noListeners(t), "serve", "--check", "--config", file, "--data", dir+"/made/by-a-start")
	if status != exitDone || stdout != "configuration is valid\n" || stderr != warning {
		t.Errorf("with --data: exit status %d, %q and\n%s", status, stdout, stderr)
	}
}
