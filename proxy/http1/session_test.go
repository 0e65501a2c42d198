package http1_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"originwarden/proxy/fields"
	"originwarden/proxy/http1"
)

func TestAuthenticates(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        bool
	}{
		{"Authorization", "NTLM TlRM", true},
		{"Authorization", "ntlm  TlRM", true},
		{"Authorization", "NTLM\tTlRM", true},
		{"Authorization", "Negotiate\t YII=", true},
		{"Authorization", "NTLM\u00a0TlRM", true}, // white space to some parsers
		{"Authorization", "CredSSP MA==", true},
		{"Www-Authenticate", "Basic realm=\"a\",NTLM", true},
		{"Www-Authenticate", "Basic realm=\"a\" , Negotiate", true},
		{"Proxy-Authenticate", "Negotiate", true},
		{"Authorization", "Basic TlRMTSA=", false},
		{"Authorization", "NTLMish TlRM", false},
		{"Authorization", "Negotiate-2 TlRM", false},
		{"X-Authorization", "NTLM TlRM", false},
	} {
		if got := fields.Authenticates(http.Header{row.name: {row.value}}); got != row.want {
			t.Errorf("%s: %q: got %v, want %v", row.name, row.value, got, row.want)
		}
	}
}

// An authenticated connection is closed when its pool is retired, even if the session
// of the client is still open.
func TestPool_RetireClosesAuthenticatedConnections(t *testing.T) {
	ended := make(chan int, 2)
	s := newServer(t, func(n int, conn net.Conn, from *bufio.Reader) {
		respondWith(ok)(n, conn, from)
		ended <- n
	})
	u, session := s.upstream(t), new(http1.Session)
	defer session.Close()
	r := newRequest(t, "GET", "")
	r.Header["Authorization"] = []string{"NTLM TlRM"}
	res, err := u.Do(&http1.Call{Request: r, Target: "/", Session: session})
	if err != nil {
		t.Fatal(err)
	}
	u.Retire()
	io.Copy(io.Discard, res.Body)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("authenticated connection not closed by Retire")
	}
}
