package extauthz_test

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// envoyConn sends and receives the frames of a connection.
type envoyConn struct {
	*http2.Framer
	net.Conn
}

// dial opens a connection to gRPC's own server.
func (h *harness) dial() envoyConn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.conn.Target())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, http2.ClientPreface)
	c := envoyConn{http2.NewFramer(conn, conn), conn}
	c.WriteSettings()
	return c
}

// callHeader returns the header of a call, with more fields.
func callHeader(more ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	fields := []string{":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/envoy.service.auth.v3.Authorization/Check", "content-type", "application/grpc"}
	for pair := range slices.Chunk(append(fields, more...), 2) {
		encoder.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
	}
	return block.Bytes()
}

func (c envoyConn) open(i int, header []byte) error {
	return c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: header, EndHeaders: true})
}

// Envoy may ask at any time whether the connection is alive (connection_keepalive).
func TestConnection_AnswersEveryPing(t *testing.T) {
	c := newHarness(t, options{}).dial()
	for i := range 100 {
		c.WritePing(false, [8]byte{byte(i)})
		for {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("ping %d: %v", i, err)
			}
			if away, ok := frame.(*http2.GoAwayFrame); ok {
				t.Fatalf("ping %d: %v", i, away)
			}
			if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() && ping.Data[0] == byte(i) {
				break
			}
		}
	}
}

// Floods of frames that are cheap to send take neither memory nor the answers to others,
// whether their client reads or not.
func TestConnection_LimitsFloods(t *testing.T) {
	question, otherType := callHeader(), callHeader("content-type", "text/plain")
	for name, flood := range map[string]func(envoyConn, int) error{
		"streams": func(c envoyConn, i int) error { return c.open(i, question) },
		"rapid resets": func(c envoyConn, i int) error {
			if err := c.open(i, question); err != nil {
				return err
			}
			return c.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
		},
		"resets":           func(c envoyConn, i int) error { return c.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel) },
		"requests of HTTP": func(c envoyConn, i int) error { return c.open(i, otherType) },
		"settings":         func(c envoyConn, _ int) error { return c.WriteSettings() },
		"pings":            func(c envoyConn, _ int) error { return c.WritePing(false, [8]byte{}) },
		"window updates":   func(c envoyConn, _ int) error { return c.WriteWindowUpdate(0, 1) },
		"continuations": func(c envoyConn, i int) error {
			if i == 0 {
				return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: question})
			}
			return c.WriteContinuation(1, false, bytes.Repeat([]byte{0x40, 0x01, 'a', 0x01, 'b'}, 200))
		},
	} {
		for _, reads := range []bool{true, false} {
			h := newHarness(t, options{})
			before, goroutines := heap(), runtime.NumGoroutine()
			c := h.dial()
			if reads {
				go io.Copy(io.Discard, c.Conn)
			}
			c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // the server may read no more
			for i := range 20_000 {
				if flood(c, i) != nil {
					break
				}
			}
			limit := int64(1 << 20)
			if strings.Contains(name, "streams") || strings.Contains(name, "requests") || name == "rapid resets" {
				limit = 250 * 64 << 10 // of 250 streams
			}
			if grown := settled(limit, func() int64 { return heap() - before }); grown > limit {
				t.Errorf("%s, reads %v: %d bytes more", name, reads, grown)
			}
			const most = 250*2 + 20
			if grown := settled(most, func() int64 { return int64(runtime.NumGoroutine() - goroutines) }); grown > most {
				t.Errorf("%s, reads %v: %d goroutines more", name, reads, grown)
			}
			if got := h.ask(name, h.envoy, raw.question("GET /", "Origin: "+listed)); got.status() != 0 {
				t.Errorf("%s, reads %v: another client got %d", name, reads, got.status())
			}
			c.Conn.Close()
		}
	}
}

// settled measures until the result is within limit, for 10 seconds at most: what was read is
// also to be handled. It returns the last result.
func settled(limit int64, measure func() int64) int64 {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		if got := measure(); got <= limit || time.Now().After(end) {
			return got
		}
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// A call whose question never comes ends with its limit, or the client's if that is less.
func TestConnection_EndsQuestionsThatDoNotCome(t *testing.T) {
	for _, row := range []struct {
		rule  string
		limit time.Duration
		more  []string
	}{
		{"the client has no limit", 200 * time.Millisecond, nil},
		{"the client's limit is more", 200 * time.Millisecond, []string{"grpc-timeout", "1H"}},
		{"the client's limit is less", time.Hour, []string{"grpc-timeout", "200m"}},
	} {
		c := newHarness(t, options{limit: row.limit}).dial()
		c.open(0, callHeader(row.more...))
		for {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("%s: the call goes on: %v", row.rule, err)
			}
			if head := frame.Header(); head.StreamID == 1 && (head.Type == http2.FrameRSTStream || head.Flags.Has(http2.FlagHeadersEndStream)) {
				break
			}
		}
	}
}
