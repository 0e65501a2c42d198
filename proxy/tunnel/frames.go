package tunnel

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
)

// frames follows the boundaries of the frames in one direction of a WebSocket
// (RFC 6455, section 5.2), because a close frame is possible only between two frames.
// It validates nothing.
type frames struct {
	header  [10]byte // up to the extended length
	have    int      // bytes of the header
	payload uint64   // bytes of masking key and payload still to come
	ended   bool     // by a close frame, or by a length that no frame has
}

const opcodeClose = 8

// advance parses b, the next bytes.
func (f *frames) advance(b []byte) {
	for len(b) > 0 && !f.ended {
		if f.payload > 0 {
			n := min(f.payload, uint64(len(b)))
			f.payload -= n
			b = b[n:]
			continue
		}
		f.header[f.have] = b[0]
		f.have++
		b = b[1:]
		f.parseHeader()
	}
}

// parseHeader starts the payload if the header is complete.
func (f *frames) parseHeader() {
	if f.have < 2 {
		return
	}
	length, size := uint64(f.header[1]&0x7f), 2
	switch length {
	case 126:
		size = 4
		length = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		size = 10
		length = binary.BigEndian.Uint64(f.header[2:])
	}
	if f.have < size {
		return
	}
	f.have = 0
	f.ended = f.header[0]&0x0f == opcodeClose || length>>63 != 0
	if f.payload = length; f.header[1]&0x80 != 0 {
		f.payload += 4 // the masking key
	}
}

// atBoundary reports whether a frame may begin here.
func (f *frames) atBoundary() bool { return !f.ended && f.have == 0 && f.payload == 0 }

// direction is one direction of a tunnel: a writer that knows where the frames begin.
// What is written after end is discarded, so that the peer is still read: a connection
// that is closed with bytes unread is reset, and the close frame may be lost with it.
type direction struct {
	to     io.Writer
	masked bool // whether frames of this direction are masked (RFC 6455, section 5.3)

	mu     sync.Mutex
	frames frames
	ended  bool
}

func (d *direction) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return len(b), nil
	}
	n, err := d.to.Write(b)
	d.frames.advance(b[:n])
	return n, err
}

// end writes a close frame, if this is a frame boundary, and lets nothing follow it.
func (d *direction) end(code uint16, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended && d.frames.atBoundary() {
		d.to.Write(closeFrame(code, reason, d.masked))
	}
	d.ended = true
}

// closeFrame is a close frame with a status code and a reason of less than 124
// bytes (RFC 6455, section 5.5.1).
func closeFrame(code uint16, reason string, masked bool) []byte {
	frame := []byte{0x80 | opcodeClose, byte(2 + len(reason))}
	payload := append(binary.BigEndian.AppendUint16(nil, code), reason...)
	if !masked {
		return append(frame, payload...)
	}
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], rand.Uint32())
	frame[1] |= 0x80
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return append(append(frame, key[:]...), payload...)
}
