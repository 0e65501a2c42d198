package fastlane_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

// serveTLS returns the URL of a server that says what the connection of a request is, as
// net/http and as the listener know it, and a client that offers the protocols. Without a
// fast lane, net/http serves all requests.
func serveTLS(t *testing.T, fast fastlane.Handler, version uint16, offers string) (url string, client *http.Client) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certified := httptest.NewUnstartedServer(nil)
	certified.EnableHTTP2 = true
	certified.StartTLS()
	t.Cleanup(certified.Close)
	config := certified.TLS.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	l := fastlane.NewListener(t.Context(), downstream.NewListener(inner, 0, nil, false, nil), config, fast, fastlane.Settings{})
	t.Cleanup(l.CloseAll)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PRI" { // as the gateway does
				w.WriteHeader(http.StatusNotImplemented)
				return
			}
			state := downstream.ConnOf(r.Context()).TLS()
			said := r.Proto + " " + tls.VersionName(state.Version)
			if r.TLS == nil {
				said += ", joined" // by downstream.HTTP2Conn, below which net/http sees no TLS
			}
			io.WriteString(w, said)
		}),
		ConnContext: downstream.ConnContext, TLSConfig: config.Clone(), Protocols: fastlane.Protocols(true),
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	client = certified.Client()
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig.MaxVersion = version
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(offers == "http/1.1")
	transport.Protocols.SetHTTP2(offers == "h2")
	return "https://" + inner.Addr().String(), client
}

// lanes are the ways in which a listener can leave requests to net/http.
var lanes = map[string]fastlane.Handler{"no fast lane": nil, "a fast lane that leaves them": handler(leaveToOther)}

func leaveToOther(*fastlane.Request) fastlane.Outcome { return fastlane.OtherLane }

func TestListener_ServesWhatTheHandshakeHasChosen(t *testing.T) {
	for _, row := range []struct {
		version uint16
		offers  string
		want    string
	}{
		{tls.VersionTLS13, "h2", "HTTP/2.0 TLS 1.3, joined"},
		{tls.VersionTLS12, "h2", "HTTP/2.0 TLS 1.2"},
		{tls.VersionTLS13, "http/1.1", "HTTP/1.1 TLS 1.3"},
		{tls.VersionTLS12, "http/1.1", "HTTP/1.1 TLS 1.2"},
	} {
		for lane, fast := range lanes {
			url, client := serveTLS(t, fast, row.version, row.offers)
			res, err := client.Get(url)
			if err != nil {
				t.Errorf("%s, %s: %v", lane, row.want, err)
				continue
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if string(body) != row.want {
				t.Errorf("%s: got %q, want %q", lane, body, row.want)
			}
		}
	}
}

// HTTP/2 without its choice in the handshake is not served, nor is HTTP/1.1 with it, nor
// HTTP/2 with a cipher suite of TLS 1.2 that it prohibits (RFC 9113, section 9.2.2).
func TestListener_RefusesWhatTheHandshakeHasNotChosen(t *testing.T) {
	for name, row := range map[string]struct {
		offers, sent string
		suite        uint16
	}{
		"HTTP/1.1 as HTTP/2":  {"h2", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		"HTTP/2 as HTTP/1.1":  {"http/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 0},
		"a prohibited cipher": {"h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
	} {
		for lane, fast := range lanes {
			url, client := serveTLS(t, fast, 0, "h2")
			config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
			config.NextProtos = []string{row.offers}
			if row.suite != 0 {
				config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{row.suite}
			}
			config.ServerName = "example.com"
			conn, err := tls.Dial("tcp", url[len("https://"):], config)
			if err != nil {
				t.Errorf("%s, %s: %v", name, lane, err)
				continue
			}
			io.WriteString(conn, row.sent)
			answer, _ := io.ReadAll(conn)
			conn.Close()
			if got := string(answer); isResponse(got) || isSettings(got) {
				t.Errorf("%s, %s: answered %q", name, lane, got)
			}
		}
	}
}

// isResponse reports whether an answer is a successful response of HTTP/1.1.
func isResponse(answer string) bool { return len(answer) > 12 && answer[9:12] == "200" }

// isSettings reports whether an answer begins with the frame by which a server accepts a
// connection of HTTP/2.
func isSettings(answer string) bool { return len(answer) > 3 && answer[3] == 4 }
