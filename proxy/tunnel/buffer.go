package tunnel

import (
	"io"
	"sync"

	"originwarden/proxy/socket"
)

const bufferSize = 8 << 10 // bytes, for each direction

// buffer is a socket.Buffer: a tunnel that is idle holds no memory for what may come.
type buffer struct{ bytes *[bufferSize]byte }

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Take implements socket.Buffer.
func (b *buffer) Take() []byte {
	if b.bytes == nil {
		b.bytes = buffers.Get().(*[bufferSize]byte)
	}
	return b.bytes[:]
}

// GiveBack implements socket.Buffer.
func (b *buffer) GiveBack() {
	if b.bytes != nil {
		buffers.Put(b.bytes)
		b.bytes = nil
	}
}

// readFrom reads what comes next. It is valid until GiveBack. Connections with TLS need
// the buffer while they wait.
func (b *buffer) readFrom(from io.Reader) (piece []byte, err error) {
	var n int
	if conn, ok := from.(interface {
		ReadInto(socket.Buffer) (int, error)
	}); ok {
		n, err = conn.ReadInto(b)
	} else {
		n, err = from.Read(b.Take())
	}
	if n == 0 {
		return nil, err
	}
	return b.bytes[:n], err
}
