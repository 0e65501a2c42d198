package demux_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// noSettings is a frame of settings without any.
const noSettings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// A connection that gRPC's server has accepted when it is stopped or replaced, and has not
// begun to serve, is served.
func TestServer_ServesWhatGRPCHasAccepted(t *testing.T) {
	for rule, end := range map[string]func(*bubble){
		"the server stops":      func(b *bubble) { go b.Shutdown(soon(b.t)) },
		"clients are sent away": func(b *bubble) { b.CloseConnections() },
	} {
		t.Run(rule, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				c := b.greet()
				accepted := false
				b.accepted = func() {
					accepted = true
					end(b)
					synctest.Wait() // until it is stopped, or waits for the connection
				}
				if got := c.ask(askHealth); !strings.HasSuffix(got, ", status 0") { // a GOAWAY may come within
					t.Errorf("%s, want status 0", got)
				}
				if !accepted {
					t.Error("the server was not stopped within")
				}
			})
		})
	}
}

// A connection that gRPC's server closes is not waited for.
func TestServer_StopsAfterConnectionsThatGRPCHasRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		c := b.greet()
		b.calls.Stop()
		synctest.Wait()
		if got := c.ask(askHealth); got != "closed" {
			t.Error(got)
		}
		if err := b.Shutdown(soon(t)); err != nil {
			t.Error(err)
		}
	})
}

// A server that stops waits a second for first requests. What is said and not read does
// not hold it up for longer.
func TestServer_StopsWithinASecondWithoutRequests(t *testing.T) {
	for rule, greet := range map[string]func(*bubble) *client{
		"nothing is sent": func(b *bubble) *client { return b.connect() },
		"settings":        func(b *bubble) *client { return b.greet() },
		"settings are not read": func(b *bubble) *client {
			c := b.connect()
			go c.Write([]byte(http2.ClientPreface))
			return c
		},
		"an answer is not read": func(b *bubble) *client {
			c := b.greet()
			c.WritePing(false, [8]byte{})
			return c
		},
	} {
		t.Run(rule, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				greet(b)
				synctest.Wait()
				began := time.Now()
				if err := b.Shutdown(soon(t)); err != nil || time.Since(began) > 1500*time.Millisecond {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// A call that comes while the server stops is answered. A request over HTTP is too, unless
// net/http says that it was not served.
func TestServer_ServesFirstRequestsWhileItStops(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		c := b.greet()
		go b.Shutdown(soon(t))
		synctest.Wait()                                                     // until it waits for the request
		if got := c.ask(askHealth); !strings.HasSuffix(got, ", status 0") { // a GOAWAY may come within
			t.Errorf("%s, want status 0", got)
		}
	})
}

// A client that has got settings, and sends no request in time, is told that none was
// served. Without a limit, it has any time.
func TestServer_SaysGoodbye(t *testing.T) {
	header := "\x00\x00\x08\x01\x04\x00\x00\x00\x01\x82"
	for _, row := range []struct {
		sent       string // after the preface
		head, idle time.Duration
		want       time.Duration // 0: never
	}{
		{"", time.Second, time.Minute, time.Minute},
		{noSettings, time.Second, time.Minute, time.Minute},
		{noSettings + header, time.Second, time.Minute, time.Minute},
		{noSettings, time.Second, 0, 0},
		{noSettings, 0, time.Minute, time.Minute},
	} {
		inBubble(t, func(t *testing.T, b *bubble) {
			b.HTTP.ReadHeaderTimeout, b.HTTP.IdleTimeout = row.head, row.idle
			c := b.connect()
			began := time.Now()
			c.Write([]byte(http2.ClientPreface))
			go c.Write([]byte(row.sent))
			c.awaitSettings()
			if row.want == 0 {
				time.Sleep(24 * time.Hour)
				if got := c.ask(askHealth); got != calledByGRPC {
					t.Errorf("%+v: %s", row, got)
				}
				return
			}
			frame, err := c.ReadFrame()
			if away, ok := frame.(*http2.GoAwayFrame); !ok || away.LastStreamID != 0 || away.ErrCode != http2.ErrCodeNo || time.Since(began) != row.want {
				t.Errorf("%+v: %v, %v after %v", row, frame, err, time.Since(began))
			}
			if frame, err := c.ReadFrame(); err != io.EOF {
				t.Errorf("%+v: then %v, %v", row, frame, err)
			}
		})
	}
}

// The time for a head holds until the preface, and 0 is no limit. Who sends none gets no
// frames.
func TestServer_LimitsTheTimeForThePreface(t *testing.T) {
	for _, sent := range []string{"", http2.ClientPreface[:16]} {
		inBubble(t, func(t *testing.T, b *bubble) {
			b.HTTP.ReadHeaderTimeout, b.HTTP.IdleTimeout = time.Second, time.Minute
			c := b.connect()
			began := time.Now()
			c.Write([]byte(sent))
			if answer, err := io.ReadAll(c.Conn); len(answer) > 0 || err != nil || time.Since(began) != time.Second {
				t.Errorf("%q: %q, %v after %v", sent, answer, err, time.Since(began))
			}
		})
		inBubble(t, func(t *testing.T, b *bubble) {
			c := b.connect()
			time.Sleep(24 * time.Hour)
			c.Write([]byte(http2.ClientPreface))
			c.awaitSettings()
		})
	}
}

// The limit of requests at a time is in the settings that come first.
func TestServer_TellsTheLimitOfRequests(t *testing.T) {
	for _, limit := range []uint32{0, 3} {
		inBubble(t, func(t *testing.T, b *bubble) {
			b.MaxStreams = limit
			c := b.connect()
			c.Write([]byte(http2.ClientPreface))
			frame, err := c.ReadFrame()
			settings, ok := frame.(*http2.SettingsFrame)
			if !ok {
				t.Fatal(frame, err)
			}
			if told, _ := settings.Value(http2.SettingMaxConcurrentStreams); told != limit || settings.NumSettings() > 1 {
				t.Errorf("limit of %d: %v", limit, settings)
			}
		})
	}
}
