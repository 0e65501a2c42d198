package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// lanes are the configurations with which either lane serves regular requests.
func lanes() []string { return []string{"fast_lane: true", "fast_lane: false"} }

func TestTracing_RecordsVersionOfProtocol(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		collector := startHTTPCollector(t)
		r, _ := startTraced(t, collector)
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET / HTTP/%s\r\nHost: a\r\n\r\n", version)
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
			t.Fatal(err)
		}
		r.stop(t)
		for _, s := range append(collector.spansOf(serverKind), span{})[:1] {
			expectAttributes(t, s, map[string]string{"network.protocol.version": version, "url.scheme": "http"})
		}
	}
}

func TestTracing_KeepsFastLane(t *testing.T) {
	for _, lane := range lanes() {
		names := make(chan string, 1)
		r := launchGateway(t, Environment{}, t.TempDir(), tenantConfig(startNameRecorder(t, names), lane, "tracing: {otlp: '"+startHTTPCollector(t).url+"'}"))
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.tenants, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nx-SPELLED: a\r\n\r\n")
		// net/http changes the names of fields.
		if got := <-names; (got == "x-SPELLED") != (lane == lanes()[0]) {
			t.Errorf("%s: the tenant got %s", lane, got)
		}
		r.stop(t)
	}
}

// startNameRecorder starts a tenant that sends the name of a field x-spelled as it
// was sent.
func startNameRecorder(t *testing.T, names chan<- string) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
			if name, _, _ := strings.Cut(lines.Text(), ":"); strings.EqualFold(name, "x-spelled") {
				names <- name
			}
		}
		io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	return "http://" + listener.Addr().String()
}
