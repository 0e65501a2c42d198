package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	tlsReloaded     = `"the TLS files of upstreams have changed"`
	tlsReloadFailed = `"reloading the TLS files of upstreams failed; the old ones are used"`
)

// rotation replaces the files in dir by those in by.
type rotation func(t *testing.T, dir, by string)

func renameFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// renameFiles replaces the files one by one.
func renameFiles(t *testing.T, dir, by string) {
	t.Helper()
	files, err := os.ReadDir(by)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		renameFile(t, filepath.Join(by, file.Name()), filepath.Join(dir, file.Name()))
	}
}

// swapSymlink replaces all files at once, as Kubernetes does: they are links
// through a link to a directory, and only that link is replaced.
func swapSymlink(t *testing.T, dir, by string) {
	t.Helper()
	if err := os.Symlink(by, filepath.Join(dir, "..new")); err != nil {
		t.Fatal(err)
	}
	renameFile(t, filepath.Join(dir, "..new"), filepath.Join(dir, "..data"))
}

// newSecretDir returns a directory with the authority, and a certificate and key
// of the gateway. If linked is true, it is for swapSymlink.
func newSecretDir(t *testing.T, ca *authority, linked bool) (dir string) {
	t.Helper()
	content := ca.writeSecret(t)
	if !linked {
		return content
	}
	dir = t.TempDir()
	swapSymlink(t, dir, content)
	for _, name := range []string{"ca.pem", "gateway.crt", "gateway.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeSecret returns a new directory with the authority, and a new certificate
// and key of the gateway.
func (a *authority) writeSecret(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	a.issue(t, dir, "gateway")
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", a.certificate.Raw)
	return dir
}

// upstreamTLS returns the value of upstream_tls for such a directory.
func upstreamTLS(dir string) string {
	return fmt.Sprintf("{ca: '%[1]s/ca.pem', cert: '%[1]s/gateway.crt', key: '%[1]s/gateway.key'}", dir)
}

func TestServe_ReloadsUpstreamTLSFiles(t *testing.T) {
	const page = "https://page.example"
	for name, row := range map[string]struct {
		rotate    rotation
		protocols []string
		proto     string
	}{
		"renamed files, HTTP/1.1": {renameFiles, []string{"http/1.1"}, "HTTP/1.1"},
		"swapped symlink, HTTP/2": {swapSymlink, []string{"h2", "http/1.1"}, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())
			after.serial = 100
			m := startMutualTLSServer(t, before, row.protocols...)
			dir := newSecretDir(t, before, row.proto == "HTTP/2.0")
			r := startGateway(t, t.TempDir(), fmt.Sprintf("tenants: [{id: acme, public_origins: [%q], upstream: %q, upstream_tls: %s, upstream_check: {path: /check, interval: 1s}}]", page, m.URL, upstreamTLS(dir)))
			expect := func(when string, serial int64) {
				t.Helper()
				if res, text := send(t, "GET", r.tenants, ""); res.StatusCode != 200 || text != fmt.Sprint(row.proto, " ", serial) {
					t.Errorf("%s: %d %s, want certificate %d", when, res.StatusCode, text, serial)
				}
			}
			expect("before the change", before.serial)
			socket := dialWebSocket(t, r, page)
			stream, err := http.Get(r.tenants + "/stream")
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			finish := sync.OnceFunc(func() { close(m.finish) })
			defer finish() // a failing test must not wait for the stream
			lines := bufio.NewReader(stream.Body)
			if line, err := lines.ReadString('\n'); line != "begin\n" {
				t.Fatal(line, err)
			}
			expect("during the stream", before.serial)

			m.useAuthority(t, after, row.protocols...)
			row.rotate(t, dir, after.writeSecret(t))
			r.await(t, r.stderr, tlsReloaded+`,"tenants":\["acme"\],.*"cert":"[^"]*gateway.crt"`)
			expect("after the change", after.serial)
			expect("second request after the change", after.serial)
			m.awaitCheck(t, after.serial)
			if _, text := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(text, fmt.Sprint("\n"+certificateMetric+`{certificate="upstream"} `, float64(after.notAfter.Unix()), "\n")) {
				t.Error("metrics lack the expiry of the new certificate")
			}
			m.awaitOpenConnections(t, 3) // for the stream, requests and checks

			finish()
			if rest, err := io.ReadAll(lines); err != nil || string(rest) != "end\n" {
				t.Errorf("stream: %q, %v", rest, err)
			}
			expect("after the stream", after.serial)
			m.awaitOpenConnections(t, 2)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			if err := echoMessage(ctx, socket); err != nil {
				t.Errorf("WebSocket: %v", err)
			}
		})
	}
}

// brokenFiles returns ways to break the TLS files of an upstream, and the reasons
// in the log.
func brokenFiles(t *testing.T, ca *authority) map[string]struct {
	breakFiles func(dir string)
	reason     string
} {
	t.Helper()
	write := func(text string, name string) func(string) {
		return func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return map[string]struct {
		breakFiles func(dir string)
		reason     string
	}{
		"mismatched pair": {func(dir string) { renameFile(t, ca.writeSecret(t)+"/gateway.crt", dir+"/gateway.crt") },
			`gateway.crt and [^"]*gateway.key: tls: private key does not match public key`},
		"truncated key":     {write("-----BEGIN PRIVATE KEY-----\nMIGH", "gateway.key"), `gateway.crt and [^"]*gateway.key: tls: failed to find any PEM data`},
		"empty certificate": {write("", "gateway.crt"), `gateway.crt and [^"]*gateway.key: tls: failed to find any PEM data`},
		"invalid authority": {write("nothing", "ca.pem"), `ca.pem has no certificate in PEM`},
		"missing key":       {func(dir string) { os.Remove(dir + "/gateway.key") }, `open [^"]*gateway.key: no such file`},
		"missing directory": {func(dir string) { os.RemoveAll(dir) }, `open [^"]*ca.pem: no such file`},
	}
}

// The files of each tenant break in another way. Repairing one first ensures that
// another is checked again while its failure is already logged.
func TestServe_KeepsUpstreamTLSWhenFilesAreInvalid(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := startMutualTLSServer(t, ca, "http/1.1")
	rows := brokenFiles(t, ca)
	dirs, serials, tenants := map[string]string{}, map[string]int64{}, "tenants:\n"
	for name := range rows {
		dirs[name], serials[name] = ca.writeSecret(t), ca.serial
		tenants += fmt.Sprintf("- {id: t%[1]d, hosts: [t%[1]d.example], upstream: %[2]q, upstream_tls: %[3]s}\n", ca.serial, m.URL, upstreamTLS(dirs[name]))
	}
	r := startGateway(t, t.TempDir(), tenants)
	expect := func(name string, serial int64) {
		t.Helper()
		if res, text := send(t, "GET", r.tenants, "", fmt.Sprintf("Host: t%d.example", serials[name])); text != fmt.Sprint("HTTP/1.1 ", serial) {
			t.Errorf("%s: %d %s, want certificate %d", name, res.StatusCode, text, serial)
		}
	}
	for name, row := range rows {
		row.breakFiles(dirs[name])
	}
	for name, row := range rows {
		r.await(t, r.stderr, tlsReloadFailed+fmt.Sprintf(`,"tenants":\["t%d"\],.*`, serials[name])+row.reason)
		expect(name, serials[name])
	}
	repair := func(name string) {
		os.Mkdir(dirs[name], 0o700)
		renameFiles(t, dirs[name], ca.writeSecret(t))
		serial := ca.serial
		r.await(t, r.stderr, tlsReloaded+fmt.Sprintf(`,"tenants":\["t%d"\]`, serials[name]))
		expect(name, serial)
	}
	for name := range rows {
		if name != "mismatched pair" {
			repair(name)
			break
		}
	}
	repair("mismatched pair")
	if n := strings.Count(r.stderr.String(), tlsReloadFailed); n != len(rows) {
		t.Errorf("%d failed reloads logged, want %d:\n%s", n, len(rows), r.stderr)
	}
}

func TestReload_KeepsWatchingUpstreamTLSFiles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := startMutualTLSServer(t, ca, "http/1.1")
	dir := ca.writeSecret(t)
	r := startReloadable(t, fmt.Sprintf("tenants: [{id: acme, upstream: %q, upstream_tls: %s}]", m.URL, upstreamTLS(dir)))
	expect := func(when string, serial int64) {
		t.Helper()
		if res, text := send(t, "GET", r.tenants, ""); text != fmt.Sprint("HTTP/1.1 ", serial) {
			t.Errorf("%s: %d %s, want certificate %d", when, res.StatusCode, text, serial)
		}
	}
	renameFiles(t, dir, ca.writeSecret(t))
	r.reload(t)
	expect("after a reload", ca.serial)
	renameFiles(t, dir, ca.writeSecret(t))
	r.await(t, r.stderr, tlsReloaded)
	expect("after a change", ca.serial)
	renameFiles(t, dir, ca.writeSecret(t))
	r.reload(t)
	expect("after another reload", ca.serial)
	if n := strings.Count(r.stderr.String(), tlsReloaded); n != 1 {
		t.Errorf("%d changes logged, want 1", n)
	}
}

// The files are read once for all tenants that share them.
func TestServe_ReloadsSharedUpstreamTLSFilesOnce(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := startMutualTLSServer(t, ca, "http/1.1")
	dir := ca.writeSecret(t)
	r := startGateway(t, t.TempDir(), fmt.Sprintf("tenants:\n- {id: a, hosts: [a.example], upstream: %[1]q, upstream_tls: %[2]s}\n- {id: b, hosts: [b.example], upstream: %[1]q, upstream_tls: %[2]s}\n", m.URL, upstreamTLS(dir)))
	renameFiles(t, dir, ca.writeSecret(t))
	r.await(t, r.stderr, tlsReloaded+`,"tenants":\["a","b"\]`)
	for _, host := range []string{"a.example", "b.example"} {
		if _, text := send(t, "GET", r.tenants, "", "Host: "+host); text != fmt.Sprint("HTTP/1.1 ", ca.serial) {
			t.Errorf("%s: %s, want certificate %d", host, text, ca.serial)
		}
	}
}
