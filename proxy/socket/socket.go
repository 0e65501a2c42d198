// Package socket reads from the file descriptor of a connection: without a buffer while
// there is nothing to read, and without system calls that would find nothing.
package socket

import (
	"errors"
	"io"
	"net"
	"os"
)

// Buffer is where a Socket reads to.
type Buffer interface {
	// Take returns the room to read to. It is called for each attempt.
	Take() []byte
	// GiveBack says that there was nothing to read.
	GiveBack()
}

// Consumer is a Buffer whose bytes are used as they come.
type Consumer interface {
	Buffer
	// Consume uses what was read to the room, or the error of reading, and reports
	// whether to wait for more. While it runs, it may write to the connection and set
	// deadlines. It must neither read nor close it, which would wait for its own end.
	Consume(n int, err error) bool
}

// fixed is a Buffer that stays.
type fixed []byte

func (f *fixed) Take() []byte { return *f }
func (*fixed) GiveBack()      {}

// readEach is ReadEach for a connection whose file descriptor is unknown.
func readEach(from io.Reader, into Consumer) error {
	for {
		n, err := from.Read(into.Take())
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			return err
		}
		if !into.Consume(n, err) {
			return nil
		}
	}
}
