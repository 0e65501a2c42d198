package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http"
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
	over    chan struct{} // closed when nothing more is sent

	read   atomic.Bool // the client's body has been read to its end
	whole  bool        // and sent; when over
	failed atomic.Pointer[error]
}

// expectPatience is how long a server may take to ask for a body, or to refuse
// it: servers that do not know Expect wait for the body (RFC 9110, section
// 10.1.1).
const expectPatience = time.Second

const copyBuffer = 32 << 10

func newUpload(t *roundTrip) *upload {
	u := &upload{trip: t, over: make(chan struct{})}
	if expect := t.call.Request.Header["Expect"]; len(expect) == 1 && expect[0] == "100-continue" {
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

// run sends the body. A server that does not read it may have answered, so that
// the connection is left open to be read. A body that cannot be read ends the
// exchange.
func (u *upload) run() {
	defer close(u.over)
	if u.proceed != nil && !u.mayBegin() {
		return
	}
	r := u.trip.call.Request
	var err error
	if r.ContentLength >= 0 {
		err = u.copy(patientWriter{u.trip}, io.LimitReader(r.Body, r.ContentLength), r.ContentLength)
	} else {
		err = u.sendChunks(r)
	}
	u.whole = err == nil
	u.trip.limitResponse()
}

// mayBegin waits until the server asks for the body, or has not answered in time,
// and reports whether to send it.
func (u *upload) mayBegin() bool {
	timer := time.NewTimer(expectPatience)
	defer timer.Stop()
	select {
	case <-u.proceed:
	case <-timer.C:
	case <-u.trip.call.Request.Context().Done():
	}
	u.trip.mu.Lock()
	defer u.trip.mu.Unlock()
	return !u.trip.responded
}

func (u *upload) sendChunks(r *http.Request) error {
	out := bufio.NewWriter(patientWriter{u.trip})
	chunks := httputil.NewChunkedWriter(out)
	if err := u.copy(flushingWriter{chunks, out}, r.Body, -1); err != nil {
		return err
	}
	chunks.Close()
	out.Write(append(appendFields(nil, r.Trailer), "\r\n"...))
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

// copy sends body, which has length bytes unless that is negative.
func (u *upload) copy(to io.Writer, body io.Reader, length int64) error {
	buffer := make([]byte, min(copyBuffer, uint64(length))) // of a negative length: all of it
	for sent := int64(0); sent != length; {
		n, err := body.Read(buffer)
		sent += int64(n)
		if err == io.EOF && sent >= length {
			u.read.Store(true)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && sent < length:
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil && err != io.EOF:
			u.failed.Store(&err)
			u.trip.Close()
			return err
		case err == io.EOF:
			return nil
		}
	}
	u.read.Store(true)
	return nil
}

// patientWriter gives the server as long to receive a part of a body as it has to
// answer, so that a server that hangs does not block the client.
type patientWriter struct{ trip *roundTrip }

func (w patientWriter) Write(b []byte) (int, error) {
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

// uploadPatience is for the last bytes of a body that was read to its end.
const uploadPatience = 50 * time.Millisecond

// isDone reports whether the whole body was sent. It waits for the last bytes if
// the response came before them.
func (u *upload) isDone() bool {
	if u == nil {
		return true
	}
	if u.read.Load() {
		timer := time.NewTimer(uploadPatience)
		defer timer.Stop()
		select {
		case <-u.over:
		case <-timer.C:
		}
	}
	select {
	case <-u.over:
		return u.whole
	default:
		return false
	}
}
