package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
)

// authority is a certificate authority.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
	serial      int64
	notAfter    time.Time // of the last certificate
}

const certificateMetric = "originwarden_certificate_not_after_timestamp_seconds"

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	return newAuthorityUntil(t, dir, time.Now().Add(2*time.Hour))
}

func newAuthorityUntil(t *testing.T, dir string, until time.Time) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(der)
	a := &authority{certificate: certificate, key: key, file: filepath.Join(dir, "ca.pem"), serial: 1}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes a new certificate for name and its key to dir.
func (a *authority) issue(t *testing.T, dir, name string) config.KeyPair {
	t.Helper()
	return a.issueUntil(t, dir, name, time.Now().Add(time.Hour))
}

// issueUntil is issue for a certificate that expires at some time, which may have passed.
func (a *authority) issueUntil(t *testing.T, dir, name string, until time.Time) config.KeyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	a.notAfter = until
	template := &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: a.notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.KeyPair{Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	writePEM(t, files.Cert, "CERTIFICATE", der)
	writePEM(t, files.Key, "PRIVATE KEY", private)
	return files
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// client returns an HTTP client for one TLS version, with HTTP/2.
func (a *authority) client(t *testing.T, version uint16) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: a.pool(), MinVersion: version, MaxVersion: version}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestServe_ServesTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	files := ca.issue(t, dir, "localhost")
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), fmt.Sprintf("tls: {cert: %q, key: %q}", files.Cert, files.Key)))
	url := "https" + strings.TrimPrefix(r.tenants, "http")
	for version, proto := range map[uint16]string{tls.VersionTLS12: "HTTP/2.0", tls.VersionTLS13: "HTTP/2.0"} {
		res, err := ca.client(t, version).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 || res.Proto != proto {
			t.Errorf("%s: %s %s", tls.VersionName(version), res.Proto, res.Status)
		}
	}
	if _, text := send(t, "GET", r.admin+"/metrics", ""); !strings.Contains(text, fmt.Sprint("\n"+certificateMetric+`{certificate="server"} `, float64(ca.notAfter.Unix()), "\n")) {
		t.Error("metrics lack the expiry of the certificate")
	}
	if _, err := ca.client(t, tls.VersionTLS11).Get(url); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"), &tls.Config{RootCAs: ca.pool(), NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated %q, want http/1.1", got)
	}
	// The default public origins have the listener's scheme.
	port := r.tenants[strings.LastIndex(r.tenants, ":"):]
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Origin", "https://localhost"+port)
	res, err := ca.client(t, tls.VersionTLS13).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("own origin: %s", res.Status)
	}
}

func TestCertificate_ReloadsChangedFiles(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	files := ca.issue(t, dir, "localhost")
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		certificates, err := credentials.LoadServerCertificates(config.TLS{Cert: files.Cert, Key: files.Key}, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		go credentials.Follow(t.Context(), certificates.Files()...)
		serial := func() int64 {
			time.Sleep(2 * credentials.FollowInterval)
			synctest.Wait()
			current, err := certificates.TLS().GetCertificate(&tls.ClientHelloInfo{})
			if err != nil {
				t.Fatal(err)
			}
			return current.Leaf.SerialNumber.Int64()
		}
		first := serial()
		ca.issue(t, dir, "localhost")
		if got := serial(); got != first+1 {
			t.Errorf("certificate %d after the change, want %d", got, first+1)
		}
		if err := os.WriteFile(files.Key, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := serial(); got != first+1 {
			t.Errorf("certificate %d with an invalid key file, want %d", got, first+1)
		}
		if got := logged.FilterLevelExact(zapcore.ErrorLevel).Len(); got != 1 {
			t.Errorf("invalid key file was logged %d times, want once", got)
		}
		ca.issue(t, dir, "localhost")
		if got := serial(); got != first+2 {
			t.Errorf("certificate %d after the repair, want %d", got, first+2)
		}
	})
}

func TestServe_ConnectsToUpstreamOverTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	own, theirs := ca.issue(t, dir, "gateway"), ca.issue(t, dir, "tenant.internal")
	pair, err := theirs.Load()
	if err != nil {
		t.Fatal(err)
	}
	tenant := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	tenant.Config.ErrorLog = log.New(io.Discard, "", 0) // some handshakes fail on purpose
	tenant.TLS = &tls.Config{Certificates: []tls.Certificate{*pair}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	tenant.StartTLS()
	t.Cleanup(tenant.Close)
	url := strings.Replace(tenant.URL, "127.0.0.1", "localhost", 1)
	for rule, row := range map[string]struct {
		options, body string
		status        int
	}{
		"all options":           {fmt.Sprintf("ca: %q, server_name: tenant.internal, cert: %q, key: %q", ca.file, own.Cert, own.Key), "gateway", 200},
		"unknown authority":     {fmt.Sprintf("server_name: tenant.internal, cert: %q, key: %q", own.Cert, own.Key), "UPSTREAM_UNREACHABLE", 502},
		"wrong server name":     {fmt.Sprintf("ca: %q, cert: %q, key: %q", ca.file, own.Cert, own.Key), "UPSTREAM_UNREACHABLE", 502},
		"no client certificate": {fmt.Sprintf("ca: %q, server_name: tenant.internal", ca.file), "UPSTREAM_UNREACHABLE", 502},
	} {
		r := startGateway(t, t.TempDir(), fmt.Sprintf("tenants: [{id: acme, upstream: %q, upstream_tls: {%s}}]", url, row.options))
		if res, text := send(t, "GET", r.tenants, ""); res.StatusCode != row.status || !strings.Contains(text, row.body) {
			t.Errorf("%s: %d %s", rule, res.StatusCode, text)
		}
	}
}
