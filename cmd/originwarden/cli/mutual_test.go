package cli

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"originwarden/cmd/originwarden/demo"
)

// mutual is an upstream that asks for certificates, and tells which one it got.
type mutual struct {
	*httptest.Server
	finish chan bool // lets answers of /stream come to their end

	mu     sync.Mutex
	states map[net.Conn]http.ConnState
	config *tls.Config

	changed chan bool  // of states; has room for one
	checks  chan int64 // which certificates checks had
}

func newMutual(t *testing.T, ca *authority, protocols ...string) *mutual {
	t.Helper()
	m := &mutual{finish: make(chan bool), states: map[net.Conn]http.ConnState{}, changed: make(chan bool, 1), checks: make(chan int64, 100)}
	m.Server = httptest.NewUnstartedServer(m)
	m.EnableHTTP2 = true
	m.Config.ErrorLog = log.New(io.Discard, "", 0)
	m.Config.ConnState = func(c net.Conn, s http.ConnState) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.states[c] = s
		select {
		case m.changed <- true:
		default:
		}
	}
	m.show(t, ca, protocols...)
	m.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.config, nil
	}}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// show has the upstream use a certificate of an authority, and believe only in
// those of the same.
func (m *mutual) show(t *testing.T, ca *authority, protocols ...string) {
	t.Helper()
	pair, err := ca.issue(t, t.TempDir(), "upstream").Load()
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config = &tls.Config{Certificates: []tls.Certificate{*pair}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: protocols}
}

// open returns how many connections there are.
func (m *mutual) open() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, state := range m.states {
		if state != http.StateClosed && state != http.StateHijacked {
			n++
		}
	}
	return n
}

// awaitOpen waits until there are no more than n connections.
func (m *mutual) awaitOpen(t *testing.T, n int) {
	t.Helper()
	for patience := time.After(patience); m.open() > n; {
		select {
		case <-m.changed:
		case <-patience:
			t.Fatalf("%d connections are open, want %d", m.open(), n)
		}
	}
}

// awaitCheck waits for a check with the certificate of that serial number.
func (m *mutual) awaitCheck(t *testing.T, serial int64) {
	t.Helper()
	for patience := time.After(patience); ; {
		select {
		case got := <-m.checks:
			if got == serial {
				return
			}
		case <-patience:
			t.Fatal("checks go on with the old certificate")
		}
	}
}

func (m *mutual) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serial := r.TLS.PeerCertificates[0].SerialNumber.Int64()
	switch r.URL.Path {
	case "/socket":
		demo.Tenant().ServeHTTP(w, r)
	case "/check":
		m.checks <- serial
	case "/stream":
		fmt.Fprintln(w, "begin")
		w.(http.Flusher).Flush()
		<-m.finish
		fmt.Fprintln(w, "end")
	default:
		fmt.Fprint(w, r.Proto, " ", serial)
	}
}
