package demux

import (
	"bytes"
	"io"
	"net"
	"slices"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"originwarden/proxy/downstream"
)

// readFrames reads until the first request. Until the server has sent its own settings,
// the table of HPACK has its initial size.
func (b *beginning) readFrames() kind {
	framer := http2.NewFramer(io.Discard, b)
	framer.SetMaxReadFrameSize(maxFrame)
	framer.SetReuseFrames()
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = uint32(b.server.MaxHeader)
	for frames, pings := 0, 0; frames < maxFrames && pings < maxPings; {
		frame, err := framer.ReadFrame()
		if frame == nil {
			return b.kindAfter(err)
		}
		ping, isPing := frame.(*http2.PingFrame)
		head, isHead := frame.(*http2.MetaHeadersFrame)
		switch {
		case frames == 0 && frame.Header().Type != http2.FrameSettings:
			return isHTTP // net/http knows what to say
		case isHead:
			return b.kindOf(head)
		case isPing && !ping.IsAck():
			if b.answer(ping) != nil {
				return isOver
			}
			pings++
		default:
			frames++
		}
	}
	return isHTTP
}

// kindOf returns the kind of a connection by its first request.
func (b *beginning) kindOf(head *http2.MetaHeadersFrame) kind {
	var contentType string
	for _, f := range head.RegularFields() {
		if f.Name == "content-type" {
			contentType = f.Value
			break
		}
	}
	if head.Truncated || !b.server.IsCall(head.PseudoValue("method"), head.PseudoValue("path"), contentType) {
		return isHTTP
	}
	return isCall
}

// sendSettings sends settings before the server does: clients of gRPC wait for them before
// their first request.
func (b *beginning) sendSettings() error {
	b.greets = true
	var settings []http2.Setting
	if streams := b.server.MaxStreams; streams > 0 {
		settings = append(settings, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: streams})
	}
	return b.send(func(f *http2.Framer) error { return f.WriteSettings(settings...) })
}

// pingBytes is the length of a PING frame.
const pingBytes = 9 + 8

// answer answers the ping that was read last. It is left out of what the server reads,
// which would answer it again, and to some clients an answer too many is an error.
func (b *beginning) answer(ping *http2.PingFrame) error {
	b.sent = slices.Delete(b.sent, b.used-pingBytes, b.used)
	b.used -= pingBytes
	return b.send(func(f *http2.Framer) error { return f.WritePing(true, ping.Data) })
}

// send sends a frame in the name of the server that is found.
func (b *beginning) send(write func(*http2.Framer) error) error {
	b.server.limitWrite(b.conn)
	return b.write(write)
}

func (b *beginning) write(write func(*http2.Framer) error) error {
	var frame bytes.Buffer
	write(http2.NewFramer(&frame, nil))
	_, err := writer(b.conn).Write(frame.Bytes())
	return err
}

// goodbyeTime is how long the last frame of a connection may take, which Close waits for.
const goodbyeTime = 100 * time.Millisecond

// sayGoodbye tells a client that has got settings that it has sent no request that is
// served, so that it can send it again elsewhere.
func (b *beginning) sayGoodbye() {
	if b.greets {
		b.conn.SetWriteDeadline(time.Now().Add(goodbyeTime))
		b.write(func(f *http2.Framer) error { return f.WriteGoAway(0, http2.ErrCodeNo, nil) })
	}
}

// writer returns what writes to a connection before it returns.
func writer(conn net.Conn) net.Conn {
	if joining, ok := conn.(*downstream.HTTP2Conn); ok {
		return joining.Conn
	}
	return conn
}
