package api

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"originwarden/api/slots"
)

// pieceSize is how much of a body is buffered and written at once. A response of at
// most that length releases its slot before it is sent.
const pieceSize = 64 << 10

// errTooSlow: the client was too slow while another request waited for its slot.
var errTooSlow = errors.New("the client is too slow")

// responseWriter sends the response to one request.
type responseWriter struct {
	http.ResponseWriter
	status         int         // 0 before anything is sent
	implicitStatus int         // what Write sends if WriteHeader was not called
	buffers        *sync.Pool  // of *bufio.Writer
	slot           *slots.Slot // of the request, or nil
	call           Call        // what is known of it so far
}

// WriteHeader implements http.ResponseWriter. A response that is sent at once
// releases its slot.
func (w *responseWriter) WriteHeader(status int) {
	w.status = status
	if length := w.Header().Get("Content-Length"); status == http.StatusNoContent || status == http.StatusNotModified || isShort(length) {
		w.releaseSlot()
	}
	w.ResponseWriter.WriteHeader(status)
}

func isShort(contentLength string) bool {
	n, err := strconv.Atoi(contentLength)
	return err == nil && n <= pieceSize
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (n int, err error) {
	if w.status == 0 {
		w.WriteHeader(w.implicitStatus)
	}
	for piece := range slices.Chunk(p, pieceSize) {
		written, err := w.writePiece(piece)
		if n += written; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *responseWriter) writePiece(p []byte) (int, error) {
	if w.slot == nil {
		return w.ResponseWriter.Write(p)
	}
	w.slot.BeginWait(func() { w.controller().SetWriteDeadline(time.Unix(1, 0)) })
	n, err := w.ResponseWriter.Write(p)
	if w.slot.EndWait() {
		err = errTooSlow
	}
	return n, err
}

func (w *responseWriter) controller() *http.ResponseController {
	return http.NewResponseController(w.ResponseWriter)
}

func (w *responseWriter) releaseSlot() {
	w.slot.Release()
	w.slot = nil
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sendJSON sends a document.
func (w *responseWriter) sendJSON(status int, document any) error {
	body, ok := w.buffers.Get().(*bufio.Writer)
	if !ok {
		body = bufio.NewWriterSize(nil, pieceSize)
	}
	body.Reset(w)
	w.implicitStatus = status
	w.Header().Set("Content-Type", "application/json")
	if err := json.MarshalWrite(body, document); err != nil {
		return err
	}
	if w.status == 0 { // all of it is buffered
		w.Header().Set("Content-Length", strconv.Itoa(body.Buffered()))
	}
	if err := body.Flush(); err != nil {
		return err // HTTP/2 may still read the buffer
	}
	body.Reset(nil)
	w.buffers.Put(body)
	return nil
}

// uploadBody is the body of a request that holds a slot.
type uploadBody struct {
	io.ReadCloser
	response *responseWriter
	piece    int // bytes of the current piece; the wait for the client ends when it is complete
}

// Read implements io.Reader. If the client is too slow, it returns the error to
// send.
func (u *uploadBody) Read(p []byte) (int, error) {
	if u.piece == 0 {
		u.response.slot.BeginWait(func() { u.response.controller().SetReadDeadline(time.Unix(1, 0)) })
	}
	n, err := u.ReadCloser.Read(p)
	u.piece += n
	if err == nil && u.piece < pieceSize {
		return n, nil
	}
	u.piece = 0
	if u.response.slot.EndWait() {
		return n, tooManyInFlight()
	}
	return n, err
}
