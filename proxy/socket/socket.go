// Package socket reads from the file descriptor of a connection: without a buffer while
// there is nothing to read, and without waiting for an event if the bytes come soon.
package socket

// Buffer is where a Socket reads to.
type Buffer interface {
	// Take returns the room to read to. It is called for each attempt.
	Take() []byte
	// GiveBack says that there was nothing to read.
	GiveBack()
}

// fixed is a Buffer that stays.
type fixed []byte

func (f *fixed) Take() []byte { return *f }
func (*fixed) GiveBack()      {}
