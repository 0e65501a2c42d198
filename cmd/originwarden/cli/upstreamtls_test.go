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
	tlsTaken  = `"the TLS files of upstreams have changed"`
	tlsBroken = `"reloading the TLS files of upstreams failed; the old ones are used"`
)

// rotation is a way to replace files of a folder by those of another one.
type rotation func(t *testing.T, dir, by string)

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// renameEach replaces one file after the other.
func renameEach(t *testing.T, dir, by string) {
	t.Helper()
	files, err := os.ReadDir(by)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		move(t, filepath.Join(by, file.Name()), filepath.Join(dir, file.Name()))
	}
}

// swapLink does as Kubernetes: the files are links through a link to a folder,
// which is replaced.
func swapLink(t *testing.T, dir, by string) {
	t.Helper()
	if err := os.Symlink(by, filepath.Join(dir, "..new")); err != nil {
		t.Fatal(err)
	}
	move(t, filepath.Join(dir, "..new"), filepath.Join(dir, "..data"))
}

// secretOf returns a folder with what a gateway has of an authority, as
// swapLink and renameEach expect it.
func secretOf(t *testing.T, ca *authority, linked bool) (dir string) {
	t.Helper()
	content := ca.secret(t)
	if !linked {
		return content
	}
	dir = t.TempDir()
	swapLink(t, dir, content)
	for _, name := range []string{"ca.pem", "gateway.crt", "gateway.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// secret returns a new folder with the authority, and a new certificate and key
// of the gateway.
func (a *authority) secret(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	a.issue(t, dir, "gateway")
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", a.certificate.Raw)
	return dir
}

// tlsOf is the upstream_tls of such a folder.
func tlsOf(dir string) string {
	return fmt.Sprintf("{ca: '%[1]s/ca.pem', cert: '%[1]s/gateway.crt', key: '%[1]s/gateway.key'}", dir)
}

func TestServe_FollowsTheTLSFilesOfUpstreams(t *testing.T) {
	const page = "https://page.example"
	for name, row := range map[string]struct {
		rotate    rotation
		protocols []string
		proto     string
	}{
		"files that are renamed, HTTP/1.1": {renameEach, []string{"http/1.1"}, "HTTP/1.1"},
		"a link that is swapped, HTTP/2":   {swapLink, []string{"h2", "http/1.1"}, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())
			after.serial = 100
			m := newMutual(t, before, row.protocols...)
			dir := secretOf(t, before, row.proto == "HTTP/2.0")
			r := serving(t, t.TempDir(), fmt.Sprintf("tenants: [{id: acme, public_origins: [%q], upstream: %q, upstream_tls: %s, upstream_check: {path: /check, interval: 1s}}]", page, m.URL, tlsOf(dir)))
			expect := func(when string, serial int64) {
				t.Helper()
				if res, text := send(t, "GET", r.tenants, ""); res.StatusCode != 200 || text != fmt.Sprint(row.proto, " ", serial) {
					t.Errorf("%s: %d %s, want certificate %d", when, res.StatusCode, text, serial)
				}
			}
			expect("at first", before.serial)
			socket := connect(t, r, page)
			stream, err := http.Get(r.tenants + "/stream")
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			finish := sync.OnceFunc(func() { close(m.finish) })
			defer finish() // or a test that fails would wait for the stream
			lines := bufio.NewReader(stream.Body)
			if line, err := lines.ReadString('\n'); line != "begin\n" {
				t.Fatal(line, err)
			}
			expect("beside the stream", before.serial)

			m.show(t, after, row.protocols...)
			row.rotate(t, dir, after.secret(t))
			r.await(t, r.stderr, tlsTaken+`,"tenants":\["acme"\],.*"cert":"[^"]*gateway.crt"`)
			expect("after the change", after.serial)
			expect("once more", after.serial)
			m.awaitCheck(t, after.serial)
			if _, text := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(text, fmt.Sprint("\n"+certificateMetric+`{certificate="upstream"} `, float64(after.notAfter.Unix()), "\n")) {
				t.Error("the metrics do not tell when the new certificate ends")
			}
			m.awaitOpen(t, 3) // of the stream, of requests, of checks

			finish()
			if rest, err := io.ReadAll(lines); err != nil || string(rest) != "end\n" {
				t.Errorf("the stream: %q %v", rest, err)
			}
			expect("after the stream", after.serial)
			m.awaitOpen(t, 2)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := echo(ctx, socket); err != nil {
				t.Errorf("the socket: %v", err)
			}
		})
	}
}

// brokenFiles are ways to break an upstream's files, and what the log says of it.
func brokenFiles(t *testing.T, ca *authority) map[string]struct {
	breakIn func(dir string)
	reason  string
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
		breakIn func(dir string)
		reason  string
	}{
		"half of a pair": {func(dir string) { move(t, ca.secret(t)+"/gateway.crt", dir+"/gateway.crt") },
			`gateway.crt and [^"]*gateway.key: tls: private key does not match public key`},
		"half of a key":   {write("-----BEGIN PRIVATE KEY-----\nMIGH", "gateway.key"), `gateway.crt and [^"]*gateway.key: tls: failed to find any PEM data`},
		"an empty file":   {write("", "gateway.crt"), `gateway.crt and [^"]*gateway.key: tls: failed to find any PEM data`},
		"no authority":    {write("nothing", "ca.pem"), `ca.pem has no certificate in PEM`},
		"no file":         {func(dir string) { os.Remove(dir + "/gateway.key") }, `open [^"]*gateway.key: no such file`},
		"no file at all ": {func(dir string) { os.RemoveAll(dir) }, `open [^"]*ca.pem: no such file`},
	}
}

// Each tenant has files that break in another way. They are mended in two steps,
// so that those of the second are looked at when they have been told about.
func TestServe_KeepsTheTLSOfUpstreamsWhoseFilesBreak(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := newMutual(t, ca, "http/1.1")
	rows := brokenFiles(t, ca)
	dirs, serials, tenants := map[string]string{}, map[string]int64{}, "tenants:\n"
	for name := range rows {
		dirs[name], serials[name] = ca.secret(t), ca.serial
		tenants += fmt.Sprintf("- {id: t%[1]d, hosts: [t%[1]d.example], upstream: %[2]q, upstream_tls: %[3]s}\n", ca.serial, m.URL, tlsOf(dirs[name]))
	}
	r := serving(t, t.TempDir(), tenants)
	expect := func(name string, serial int64) {
		t.Helper()
		if res, text := send(t, "GET", r.tenants, "", fmt.Sprintf("Host: t%d.example", serials[name])); text != fmt.Sprint("HTTP/1.1 ", serial) {
			t.Errorf("%s: %d %s, want certificate %d", name, res.StatusCode, text, serial)
		}
	}
	for name, row := range rows {
		row.breakIn(dirs[name])
	}
	for name, row := range rows {
		r.await(t, r.stderr, tlsBroken+fmt.Sprintf(`,"tenants":\["t%d"\],.*`, serials[name])+row.reason)
		expect(name, serials[name])
	}
	mend := func(name string) {
		os.Mkdir(dirs[name], 0o700)
		renameEach(t, dirs[name], ca.secret(t))
		serial := ca.serial
		r.await(t, r.stderr, tlsTaken+fmt.Sprintf(`,"tenants":\["t%d"\]`, serials[name]))
		expect(name, serial)
	}
	for name := range rows {
		if name != "half of a pair" {
			mend(name)
			break
		}
	}
	mend("half of a pair")
	if n := strings.Count(r.stderr.String(), tlsBroken); n != len(rows) {
		t.Errorf("%d lines for %d changes:\n%s", n, len(rows), r.stderr)
	}
}

func TestReload_GoesOnFollowingTheTLSFilesOfUpstreams(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := newMutual(t, ca, "http/1.1")
	dir := ca.secret(t)
	r := serveFile(t, fmt.Sprintf("tenants: [{id: acme, upstream: %q, upstream_tls: %s}]", m.URL, tlsOf(dir)))
	expect := func(when string, serial int64) {
		t.Helper()
		if res, text := send(t, "GET", r.tenants, ""); text != fmt.Sprint("HTTP/1.1 ", serial) {
			t.Errorf("%s: %d %s, want certificate %d", when, res.StatusCode, text, serial)
		}
	}
	renameEach(t, dir, ca.secret(t))
	r.reload(t)
	expect("after a reload", ca.serial)
	renameEach(t, dir, ca.secret(t))
	r.await(t, r.stderr, tlsTaken)
	expect("after a change", ca.serial)
	renameEach(t, dir, ca.secret(t))
	r.reload(t)
	expect("after another reload", ca.serial)
	if n := strings.Count(r.stderr.String(), tlsTaken); n != 1 {
		t.Errorf("a change was taken %d times", n)
	}
}

// Tenants with the same files share one look at them.
func TestServe_TakesTheTLSFilesOfSeveralTenantsAtOnce(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	m := newMutual(t, ca, "http/1.1")
	dir := ca.secret(t)
	r := serving(t, t.TempDir(), fmt.Sprintf("tenants:\n- {id: a, hosts: [a.example], upstream: %[1]q, upstream_tls: %[2]s}\n- {id: b, hosts: [b.example], upstream: %[1]q, upstream_tls: %[2]s}\n", m.URL, tlsOf(dir)))
	renameEach(t, dir, ca.secret(t))
	r.await(t, r.stderr, tlsTaken+`,"tenants":\["a","b"\]`)
	for _, host := range []string{"a.example", "b.example"} {
		if _, text := send(t, "GET", r.tenants, "", "Host: "+host); text != fmt.Sprint("HTTP/1.1 ", ca.serial) {
			t.Errorf("%s: %s, want certificate %d", host, text, ca.serial)
		}
	}
}
