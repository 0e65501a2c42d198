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

// mutualTLSServer is an upstream that requires client certificates. It responds
// with the serial number of the client's certificate.
type mutualTLSServer struct {
	*httptest.Server
	finish chan bool // closed to end the responses of /stream

	mu     sync.Mutex
	states map[net.Conn]http.ConnState
	config *tls.Config

	changed chan bool  // signals a change of states; capacity 1
	checks  chan int64 // serial numbers of the certificates of upstream checks
}

func startMutualTLSServer(t *testing.T, ca *authority, protocols ...string) *mutualTLSServer {
	t.Helper()
	m := &mutualTLSServer{finish: make(chan bool), states: map[net.Conn]http.ConnState{}, changed: make(chan bool, 1), checks: make(chan int64, 100)}
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
	m.useAuthority(t, ca, protocols...)
	m.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.config, nil
	}}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// useAuthority issues the server a certificate of ca, and has it accept only
// client certificates of ca.
func (m *mutualTLSServer) useAuthority(t *testing.T, ca *authority, protocols ...string) {
	t.Helper()
	pair, err := ca.issue(t, t.TempDir(), "upstream").Load()
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config = &tls.Config{Certificates: []tls.Certificate{*pair}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: protocols}
}

// countOpen returns the number of open connections.
func (m *mutualTLSServer) countOpen() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, state := range m.states {
		if state != http.StateClosed && state != http.StateHijacked {
			n++
		}
	}
	return n
}

// awaitOpenConnections waits until at most n connections are open.
func (m *mutualTLSServer) awaitOpenConnections(t *testing.T, n int) {
	t.Helper()
	for timeout := time.After(testTimeout); m.countOpen() > n; {
		select {
		case <-m.changed:
		case <-timeout:
			t.Fatalf("%d connections are open, want %d", m.countOpen(), n)
		}
	}
}

// awaitCheck waits for an upstream check with the certificate of this serial
// number.
func (m *mutualTLSServer) awaitCheck(t *testing.T, serial int64) {
	t.Helper()
	for timeout := time.After(testTimeout); ; {
		select {
		case got := <-m.checks:
			if got == serial {
				return
			}
		case <-timeout:
			t.Fatal("no check with the new certificate")
		}
	}
}

func (m *mutualTLSServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
