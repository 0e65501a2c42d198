package demux_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

// deployment is a Server behind a listener as the gateway has it.
type deployment struct {
	*demux.Server
	t       *testing.T
	address string
	tls     *tls.Config // of clients; nil: without TLS
}

// options of a deployment.
type options struct {
	tls    uint16 // the version; 0: without TLS
	fast   bool   // there is a fast lane
	head   time.Duration
	change func(*demux.Server)
	calls  []grpc.ServerOption
}

var silent = log.New(io.Discard, "", 0)

// leave is a fast lane that leaves all requests to net/http.
type leave struct{}

func (leave) ServeFast(*fastlane.Request) fastlane.Outcome { return fastlane.OtherLane }

// forEachListener runs a test over each kind of listener.
func forEachListener(t *testing.T, test func(*testing.T, options)) {
	for name, version := range map[string]uint16{"plain": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for _, fast := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fast lane %v", name, fast), func(t *testing.T) {
				t.Parallel()
				test(t, options{tls: version, fast: fast})
			})
		}
	}
}

// start starts a Server, which the end of the test closes.
func start(t *testing.T, o options) *deployment {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, address: inner.Addr().String()}
	var config *tls.Config
	if o.tls != 0 {
		certified := httptest.NewUnstartedServer(nil)
		certified.StartTLS()
		certified.Close()
		config = certified.TLS.Clone()
		config.NextProtos, config.MaxVersion = []string{"h2", "http/1.1"}, o.tls
		d.tls = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	}
	var fast fastlane.Handler
	if o.fast {
		fast = leave{}
	}
	l := fastlane.NewListener(t.Context(), downstream.NewListener(inner, 0, nil, false, nil), config, fast, fastlane.Settings{ReadHead: o.head, ErrorLog: silent})
	newCalls := func() *grpc.Server {
		server := grpc.NewServer(o.calls...)
		healthv1.RegisterHealthServer(server, health.NewServer())
		return server
	}
	d.Server = &demux.Server{HTTP: newHTTPServer(config, newCalls()), NewGRPC: newCalls, IsCall: decide.IsCall, MaxHeader: 16 << 10}
	if o.change != nil {
		o.change(d.Server)
	}
	go d.Serve(l)
	t.Cleanup(func() {
		d.Close()
		l.CloseAll()
	})
	return d
}

// newHTTPServer returns a server that says what it has served, by its own HTTP/2.
func newHTTPServer(config *tls.Config, calls *grpc.Server) *http.Server {
	server := &http.Server{Protocols: fastlane.Protocols(true), ErrorLog: silent, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Served-By", "net/http")
		if r.ProtoMajor == 2 && decide.IsCall(r.Method, r.RequestURI, r.Header.Get("Content-Type")) {
			calls.ServeHTTP(w, r)
			return
		}
		if r.Method == "PRI" { // as the gateway does
			w.WriteHeader(http.StatusNotImplemented)
		}
		io.WriteString(w, r.Proto+" "+r.RequestURI)
	})}
	if config != nil {
		server.TLSConfig = config.Clone()
	}
	return server
}

// client sends and receives the frames of a connection.
type client struct {
	*http2.Framer
	net.Conn
	t     *testing.T
	last  uint32 // stream
	holds bool   // acknowledgements
	held  int
}

// acknowledge sends what was held.
func (c *client) acknowledge() {
	for range c.held {
		c.WriteSettingsAck()
	}
	c.holds, c.held = false, 0
}

// dial opens a connection on which nothing was sent.
func (d *deployment) dial() *client {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err == nil && d.tls != nil {
		conn = tls.Client(conn, d.tls)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &client{Framer: http2.NewFramer(conn, conn), Conn: conn, t: d.t}
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return c
}

// greet opens a connection and sends the preface and settings.
func (d *deployment) greet() *client {
	d.t.Helper()
	c := d.dial()
	io.WriteString(c.Conn, http2.ClientPreface)
	c.WriteSettings()
	return c
}

// askHealth is a call of the health service, which is the first that a client sends.
var askHealth = []string{":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/grpc.health.v1.Health/Check", "content-type", "application/grpc", "te", "trailers"}

func with(fields []string, name, value string) []string {
	changed := append([]string(nil), fields...)
	for i := 0; i < len(fields); i += 2 {
		if changed[i] == name {
			changed[i+1] = value
			return changed
		}
	}
	return append(changed, name, value)
}

func encode(fields []string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0) // each block stands for itself
	for i := 0; i < len(fields); i += 2 {
		encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return block.Bytes()
}

// send sends a request with an empty message of gRPC.
func (c *client) send(fields []string) {
	c.last += 1 + c.last%2
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: c.last, BlockFragment: encode(fields), EndHeaders: true})
	c.WriteData(c.last, true, make([]byte, 5))
}

// receive returns who has served the last request, and the status of HTTP and gRPC. It
// acknowledges settings. "closed" is the end of the connection.
func (c *client) receive() string {
	c.t.Helper()
	result := ""
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			return strings.TrimSpace(result + " closed")
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if f.IsAck() {
				continue
			}
			if c.held++; !c.holds {
				c.acknowledge()
			}
		case *http2.GoAwayFrame:
			if result = "GOAWAY " + f.ErrCode.String(); f.ErrCode != http2.ErrCodeNo {
				return result
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == c.last {
				return f.ErrCode.String()
			}
		case *http2.MetaHeadersFrame:
			result += describe(f)
		}
		if frame.Header().StreamID == c.last && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			return result
		}
	}
}

// describe returns what a client of gRPC looks at.
func describe(f *http2.MetaHeadersFrame) string {
	text := ""
	if status := f.PseudoValue("status"); status != "" {
		text = "gRPC " + status
	}
	for _, field := range f.RegularFields() {
		switch field.Name {
		case "served-by":
			text = strings.Replace(text, "gRPC", field.Value, 1)
		case "grpc-status":
			text += ", status " + field.Value
		}
	}
	return text
}

// awaitSettings reads the settings that a server sends first.
func (c *client) awaitSettings() {
	c.t.Helper()
	if frame, err := c.ReadFrame(); err != nil || frame.Header().Type != http2.FrameSettings {
		c.t.Fatalf("got %v, %v; want settings", frame, err)
	}
	c.held++
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
