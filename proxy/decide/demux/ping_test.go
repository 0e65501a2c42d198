package demux_test

import (
	"io"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// pong reads until the answer to a ping, and fails for one to another ping, also a second
// one to the same.
func (c *client) pong(data [8]byte) {
	c.t.Helper()
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			c.t.Fatalf("no answer to ping %v: %v", data, err)
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			c.held++
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			if ping.Data != data {
				c.t.Fatalf("answer to ping %v, want %v", ping.Data, data)
			}
			return
		}
	}
}

// A ping before the first request is answered at once, and by nobody else again.
func TestServer_AnswersPingsBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		for rule, row := range map[string]struct {
			first []string
			want  string
		}{"call": {askHealth, calledByGRPC}, "HTTP": {get("/"), servedByHTTP}} {
			for _, settled := range []bool{false, true} {
				c := d.greet()
				c.holds = true
				if settled {
					c.awaitSettings()
					c.acknowledge()
				}
				for n := range byte(3) {
					c.WritePing(false, [8]byte{n})
					c.pong([8]byte{n})
					c.WriteWindowUpdate(0, 1)
				}
				c.WritePing(false, [8]byte{3})
				c.send(row.first)
				c.WritePing(false, [8]byte{4})
				c.pong([8]byte{3})
				c.pong([8]byte{4})
				c.acknowledge()
				c.send(row.first)
				if got := c.receive(); !strings.HasSuffix(got, row.want) { // after the first response
					t.Errorf("%s: %s, want %s", rule, got, row.want)
				}
				c.WritePing(false, [8]byte{5})
				c.pong([8]byte{5})
			}
		}
	})
}

// An answer to a ping is nothing to answer, and passed on.
func TestServer_LeavesAnswersToPings(t *testing.T) {
	t.Parallel()
	d := start(t, options{})
	c := d.greet()
	c.WritePing(true, [8]byte{1})
	c.WritePing(false, [8]byte{2})
	c.pong([8]byte{2})
	c.send(askHealth)
	if got := c.receive(); got != calledByGRPC {
		t.Error(got)
	}
}

// A connection begins with settings (RFC 9113, section 3.4), or net/http says that it does
// not. A ping in their place is not answered, nor is a call.
func TestServer_RefusesConnectionsWithoutSettings(t *testing.T) {
	t.Parallel()
	forEachListener(t, func(t *testing.T, o options) {
		d := start(t, o)
		for rule, begin := range map[string]func(*client){
			"ping": func(c *client) { c.WritePing(false, [8]byte{}); c.WriteSettings() },
			"call": func(*client) {},
		} {
			c := d.dial()
			io.WriteString(c.Conn, http2.ClientPreface)
			begin(c)
			c.send(askHealth)
			if got := c.receive(); got != "GOAWAY PROTOCOL_ERROR" {
				t.Errorf("%s: %s", rule, got)
			}
		}
	})
}
