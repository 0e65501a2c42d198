package http1

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"originwarden/proxy/fields"
	"originwarden/proxy/socket"
)

// body is the body of a response. It is read by one goroutine at a time.
type body struct {
	trip     *roundTrip
	from     io.Reader
	keep     bool      // the connection outlasts the response
	length   int64     // bytes still to come; negative is unknown
	response *Response // of chunks, which end with its trailer
	err      error     // of all reads to come
	finished sync.Once
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if b.length >= 0 {
		if b.length -= int64(n); b.length == 0 {
			err = io.EOF
		} else if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	if err == io.EOF && b.response != nil {
		err = b.readTrailer()
	}
	if err != nil {
		b.stop(err)
	}
	return n, b.err
}

// stop ends the body with err, which is io.EOF at its end.
func (b *body) stop(err error) {
	if b.finish(err == io.EOF); err != io.EOF {
		err = b.trip.causeOf(b.withoutQuote(err))
	}
	b.err = err
}

// withoutQuote replaces an error in which httputil quotes an invalid chunk.
func (b *body) withoutQuote(err error) error {
	if b.response == nil || err == io.ErrUnexpectedEOF || isLoss(err) {
		return err
	}
	if _, isNet := err.(interface{ Timeout() bool }); isNet {
		return err
	}
	return errChunk
}

// readTrailer reads the fields after the last chunk.
func (b *body) readTrailer() error {
	lines := newLines(b.trip.reader, maxHead)
	trailer, err := lines.readFields(nil)
	if err != nil {
		return err
	}
	b.response.Trailer = slices.DeleteFunc(trailer, func(f Field) bool { return !fields.MayTrail(f.Name) })
	return io.EOF
}

func (b *body) finish(whole bool) {
	b.finished.Do(func() { b.trip.end(whole && b.keep) })
}

// Close implements io.Closer. It closes the connection if the body was not read to
// its end.
func (b *body) Close() error {
	b.finish(false)
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return nil
}

// upgraded is a connection after a 101.
type upgraded struct {
	*conn
	closed sync.Once
}

// Read returns first what came with the response.
func (u *upgraded) Read(p []byte) (int, error) {
	if u.hasEarly() {
		return u.reader.Read(p)
	}
	return u.Conn.Read(p)
}

// ReadInto reads as Read does. Unless the connection speaks TLS, it holds no buffer while
// there is nothing to read.
func (u *upgraded) ReadInto(buffer socket.Buffer) (int, error) {
	if u.hasEarly() || !u.isPlain() {
		return u.Read(buffer.Take())
	}
	return u.socket.ReadInto(buffer)
}

// hasEarly reports whether something came with the response and was not read. If not,
// it drops the reader, which nothing needs any more.
func (u *upgraded) hasEarly() bool {
	if u.reader == nil || u.reader.Buffered() > 0 {
		return u.reader != nil
	}
	u.reader = nil
	return false
}

// CloseWrite ends the direction to the server.
func (u *upgraded) CloseWrite() error {
	half, ok := u.Conn.(interface{ CloseWrite() error })
	if !ok {
		return io.ErrClosedPipe
	}
	return half.CloseWrite()
}

// Close implements io.Closer.
func (u *upgraded) Close() (err error) {
	u.closed.Do(func() { err = u.conn.Close() })
	return err
}
