package demux_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"originwarden/proxy/decide/demux"
)

const (
	calledByGRPC = "gRPC 200, status 0"
	calledByHTTP = "net/http 200, status 0"
	servedByHTTP = "net/http 200"
)

func get(path string) []string {
	return []string{":method", "GET", ":scheme", "http", ":authority", "a", ":path", path}
}

// The first request says which server has the connection, for good.
func TestServer_ServesByTheFirstRequest(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		for rule, row := range map[string]struct{ first, want, then, thenWant any }{
			"call":                       {askHealth, calledByGRPC, askHealth, calledByGRPC},
			"call of another encoding":   {with(askHealth, "content-type", "application/grpc+proto"), calledByGRPC, askHealth, calledByGRPC},
			"call with a parameter":      {with(askHealth, "content-type", "application/grpc;a=b"), calledByGRPC, askHealth, calledByGRPC},
			"unknown method":             {with(askHealth, ":path", "/a/b"), "gRPC 200, status 12", askHealth, calledByGRPC},
			"HTTP after a call":          {askHealth, calledByGRPC, get("/decide"), "gRPC 415, status 3"},
			"HTTP":                       {get("/decide"), servedByHTTP, get("/decide"), servedByHTTP},
			"call after HTTP":            {get("/decide"), servedByHTTP, askHealth, calledByHTTP},
			"question about a call":      {with(askHealth, ":path", "/decide/grpc.health.v1.Health/Check"), servedByHTTP, askHealth, calledByHTTP},
			"gRPC-Web":                   {with(askHealth, "content-type", "application/grpc-web"), servedByHTTP, askHealth, calledByHTTP},
			"another method":             {with(askHealth, ":method", "PUT"), servedByHTTP, askHealth, calledByHTTP},
			"no content type":            {askHealth[:8], servedByHTTP, askHealth, calledByHTTP},
			"header that is too long":    {with(askHealth, "a", strings.Repeat("a", 15<<10)), calledByGRPC, askHealth, calledByGRPC},
			"header beyond what is read": {with(with(askHealth, "a", strings.Repeat("a", 15<<10)), "b", strings.Repeat("b", 15<<10)), calledByHTTP, askHealth, calledByHTTP},
		} {
			for _, waits := range []bool{false, true} {
				c := d.greet()
				if waits {
					c.awaitSettings()
					c.acknowledge()
				}
				c.send(row.first.([]string))
				if got := c.receive(); got != row.want {
					t.Errorf("%s, waits %v: %s, want %s", rule, waits, got, row.want)
				}
				c.send(row.then.([]string))
				if got := c.receive(); got != row.thenWant {
					t.Errorf("%s, waits %v, then: %s, want %s", rule, waits, got, row.thenWant)
				}
			}
		}
	})
}

// Settings that net/http has not sent are acknowledged, before or after the first request,
// and that it does not see. One acknowledgement more ends the connection, as ever.
func TestServer_TakesAcknowledgementsOfItsSettings(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		for kind, row := range map[string]struct {
			first  []string
			want   string
			strict bool
		}{"call": {askHealth, calledByGRPC, false}, "HTTP": {get("/"), servedByHTTP, true}} {
			for rule, at := range map[string]int{"before the request": 0, "after the header": 1, "after the request": 2, "after the response": 3} {
				c := d.greet()
				c.holds = true
				for step := range 4 {
					if step == at {
						if step < 3 {
							c.awaitSettings()
						}
						c.acknowledge()
					}
					switch step {
					case 0:
						c.last = 1
						c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(row.first), EndHeaders: true})
					case 1:
						c.WriteData(1, true, make([]byte, 5))
					case 2:
						if got := c.receive(); got != row.want {
							t.Errorf("%s, %s: %s, want %s", kind, rule, got, row.want)
						}
					}
				}
				c.send(row.first)
				if got := c.receive(); got != row.want {
					t.Errorf("%s, %s, second request: %s, want %s", kind, rule, got, row.want)
				}
				if !row.strict {
					continue
				}
				c.WriteSettingsAck()
				c.WriteSettingsAck()
				c.last = 0
				if got := c.receive(); got != "GOAWAY PROTOCOL_ERROR" {
					t.Errorf("%s, %s, more acknowledgements: %s", kind, rule, got)
				}
			}
		}
	})
}

func TestServer_ReadsHeadersInParts(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		for _, row := range []struct {
			first []string
			want  string
		}{{askHealth, calledByGRPC}, {get("/"), servedByHTTP}} {
			var sent bytes.Buffer
			sent.WriteString(http2.ClientPreface)
			frames := http2.NewFramer(&sent, nil)
			frames.WriteSettings()
			frames.WriteWindowUpdate(0, 1<<20)
			frames.WritePing(false, [8]byte{1})
			block := encode(row.first)
			frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3]})
			frames.WriteContinuation(1, false, block[3:3])
			frames.WriteContinuation(1, true, block[3:])
			frames.WriteData(1, true, make([]byte, 5))
			c := d.dial()
			c.last = 1
			for sent.Len() > 0 {
				c.Write(sent.Next(7))
			}
			if got := c.receive(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		}
	})
}

// What is too much to look at is for net/http, with every byte.
func TestServer_LimitsWhatComesBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	d := start(t, options{})
	for rule, send := range map[string]func(*client){
		"frames": func(c *client) {
			for range 100 {
				c.WriteWindowUpdate(0, 1)
			}
		},
		"pings": func(c *client) {
			for range 1000 {
				c.WritePing(false, [8]byte{})
			}
		},
		"bytes": func(c *client) {
			for range 5 {
				c.WriteRawFrame(0xfa, 0, 0, make([]byte, 16<<10))
			}
		},
	} {
		c := d.greet()
		send(c)
		c.send(askHealth)
		if got := c.receive(); got != calledByHTTP {
			t.Errorf("%s: %s, want %s", rule, got, calledByHTTP)
		}
	}
}

// Few connections may hold much until their first request. If there are more, net/http
// serves them, until one of the others has had its request.
func TestServer_LimitsHowManyHoldMuch(t *testing.T) {
	t.Parallel()
	d := start(t, options{})
	much := func() *client {
		c := d.greet()
		c.WriteRawFrame(0xfa, 0, 0, make([]byte, 8<<10))
		c.WritePing(false, [8]byte{1})
		c.pong([8]byte{1}) // it was read
		return c
	}
	var first *client
	for range 256 {
		first = much()
	}
	for _, row := range []struct {
		rule string
		c    *client
		want string
	}{{"one too many", much(), calledByHTTP}, {"little", d.greet(), calledByGRPC}, {"one of the first", first, calledByGRPC}} {
		row.c.send(askHealth)
		if got := row.c.receive(); got != row.want {
			t.Errorf("%s: %s, want %s", row.rule, got, row.want)
		}
	}
	next := much()
	next.send(askHealth)
	if got := next.receive(); got != calledByGRPC {
		t.Errorf("after one of the first: %s, want %s", got, calledByGRPC)
	}
}

// A client that does not send a request in time, or sends none at all, is answered by
// net/http or gets nothing.
func TestServer_ClosesConnectionsWithoutARequest(t *testing.T) {
	t.Parallel()
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	forEachListener(t, func(t *testing.T, o options) {
		if o.tls != 0 && !o.fast {
			return // TLS is the same in both
		}
		o.change = func(s *demux.Server) {
			s.HTTP.ReadHeaderTimeout, s.HTTP.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond
		}
		o.head = 200 * time.Millisecond
		d := start(t, o)
		var all sync.WaitGroup
		for rule, sent := range map[string]string{
			"nothing":                "",
			"half a preface":         http2.ClientPreface[:16],
			"preface":                http2.ClientPreface,
			"settings":               http2.ClientPreface + settings,
			"half a header":          http2.ClientPreface + settings + "\x00\x00\x08\x01\x04\x00\x00\x00\x01\x82",
			"another preface":        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
			"garbage":                "\x00\x01\x02\x03\r\n\r\n",
			"garbage after":          http2.ClientPreface + "garbage that is no frame",
			"a frame that is large":  http2.ClientPreface + settings + "\xff\xff\xff\x01\x04\x00\x00\x00\x01",
			"a request on stream 0":  http2.ClientPreface + settings + "\x00\x00\x01\x01\x04\x00\x00\x00\x00\x82",
			"a header that is wrong": http2.ClientPreface + settings + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff",
			"another frame within":   http2.ClientPreface + settings + "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82" + settings,
		} {
			c := d.dial()
			all.Go(func() {
				io.WriteString(c.Conn, sent)
				answer, err := io.ReadAll(c.Conn)
				if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
					t.Errorf("%s: the connection stays open", rule)
				}
				if strings.Contains(string(answer), " 200 ") || hasHeaders(answer) {
					t.Errorf("%s: %q", rule, answer)
				}
			})
		}
		all.Wait()
	})
}

// hasHeaders reports whether a request over HTTP/2 was answered.
func hasHeaders(answer []byte) bool {
	frames := http2.NewFramer(io.Discard, bytes.NewReader(answer))
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			return false
		}
		if frame.Header().Type == http2.FrameHeaders {
			return true
		}
	}
}

func TestServer_ServesHTTP1(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(true)
		url := "http://" + d.address
		if d.tls != nil {
			transport.TLSClientConfig = d.tls.Clone()
			transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
			url = "https://" + d.address
		}
		defer transport.CloseIdleConnections()
		for range 2 {
			response, err := (&http.Client{Transport: transport}).Post(url+"/decide", "application/grpc", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if string(body) != "HTTP/1.1 /decide" {
				t.Errorf("got %q", body)
			}
		}
	})
}
