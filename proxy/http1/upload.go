package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// upload sends the body of a request while its response is read, which may come
// first.
type upload struct {
	trip *roundTrip
	// proceed is closed when the server has asked for the body that Expect
	// announced; nil does not wait.
	proceed chan struct{}
	asked   sync.Once
	done    chan struct{} // closed when nothing more is sent

	read   atomic.Bool // the client's body has been read to its end
	whole  bool        // and sent; set before done is closed
	failed atomic.Pointer[error]
}

// expectContinueTimeout is how long a server may take to ask for a body, or to refuse
// it: servers that do not know Expect wait for the body (RFC 9110, section 10.1.1).
const expectContinueTimeout = time.Second

const copyBuffer = 32 << 10

func newUpload(t *roundTrip) *upload {
	u := &upload{trip: t, done: make(chan struct{})}
	if t.out.Upload.Expect {
		u.proceed = make(chan struct{})
	}
	return u
}

// proceedNow lets run send a body that waits for 100 Continue.
func (u *upload) proceedNow() {
	if u != nil && u.proceed != nil {
		u.asked.Do(func() { close(u.proceed) })
	}
}

// run sends the body. A server that does not read it may have responded, so the
// connection stays open to be read. A body that cannot be read ends the exchange.
func (u *upload) run() {
	defer close(u.done)
	if u.proceed != nil && !u.mayBegin() {
		return
	}
	body := u.trip.out.Upload
	var err error
	if body.Length >= 0 {
		err = u.send(timeoutWriter{u.trip}, io.LimitReader(body, body.Length), body.Length)
	} else {
		err = u.sendChunks(body)
	}
	u.whole = err == nil
	u.trip.limitResponse()
}

// mayBegin waits until the server asks for the body, responds, or has done neither in
// time, and reports whether to send it.
func (u *upload) mayBegin() bool {
	timer := time.NewTimer(expectContinueTimeout)
	defer timer.Stop()
	select {
	case <-u.proceed:
	case <-timer.C:
	case <-u.trip.out.Context.Done():
	}
	u.trip.mu.Lock()
	defer u.trip.mu.Unlock()
	return !u.trip.responded
}

func (u *upload) sendChunks(body *Upload) error {
	out := bufio.NewWriter(timeoutWriter{u.trip})
	chunks := httputil.NewChunkedWriter(out)
	if err := u.send(flushingWriter{chunks, out}, body, -1); err != nil {
		return err
	}
	chunks.Close()
	out.Write(append(appendFields(nil, body.Trailer()), "\r\n"...))
	return out.Flush()
}

// flushingWriter sends each chunk at once.
type flushingWriter struct {
	io.Writer
	out *bufio.Writer
}

func (w flushingWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	return n, errors.Join(err, w.out.Flush())
}

// send sends body, which has length bytes unless that is negative.
func (u *upload) send(to io.Writer, body io.Reader, length int64) error {
	size := int64(copyBuffer)
	if length >= 0 {
		size = min(size, length)
	}
	buffer := make([]byte, size)
	for sent := int64(0); sent != length; {
		n, readErr := body.Read(buffer)
		sent += int64(n)
		if readErr == io.EOF && sent >= length {
			u.read.Store(true)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case readErr == io.EOF && sent < length:
			return u.fail(io.ErrUnexpectedEOF)
		case readErr == io.EOF:
			return nil
		case readErr != nil:
			return u.fail(readErr)
		}
	}
	u.read.Store(true)
	return nil
}

// fail ends the exchange because the client's body cannot be read.
func (u *upload) fail(err error) error {
	u.failed.Store(&err)
	u.trip.Close()
	return err
}

// timeoutWriter gives the server as long to receive a part of a body as it has to
// respond, so that a server that hangs does not block the client.
type timeoutWriter struct{ trip *roundTrip }

func (w timeoutWriter) Write(b []byte) (int, error) {
	if limit := w.trip.pool.config.Response; limit > 0 {
		w.trip.SetWriteDeadline(time.Now().Add(limit))
		defer w.trip.SetWriteDeadline(time.Time{})
	}
	return w.trip.Write(b)
}

// readError returns why the client's body could not be read, or nil.
func (u *upload) readError() error {
	if u == nil {
		return nil
	}
	if err := u.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// uploadTimeout is for the last bytes of a body that was read to its end.
const uploadTimeout = 50 * time.Millisecond

// isDone reports whether the whole body was sent. It waits for the last bytes if
// the response came before them.
func (u *upload) isDone() bool {
	if u == nil {
		return true
	}
	if u.read.Load() {
		timer := time.NewTimer(uploadTimeout)
		defer timer.Stop()
		select {
		case <-u.done:
		case <-timer.C:
		}
	}
	select {
	case <-u.done:
		return u.whole
	default:
		return false
	}
}
