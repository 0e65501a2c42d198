package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// pieceSize is how much of a body is held in memory to be written at once, and
// how long an answer is that needs no place.
const pieceSize = 64 << 10

// pieces are arrays to write from. The zero value is ready.
type pieces struct{ pool sync.Pool }

func (p *pieces) take() *[pieceSize]byte {
	if piece, ok := p.pool.Get().(*[pieceSize]byte); ok {
		return piece
	}
	return new([pieceSize]byte)
}

// answerWriter is an answer under way. It remembers the status.
type answerWriter struct {
	http.ResponseWriter
	status int // 0 before
	pieces *pieces
	place  *place // that the request holds, or nil
	call   Call   // what is known of it so far
}

// WriteHeader implements http.ResponseWriter. What leaves at once leaves its
// place to others.
func (w *answerWriter) WriteHeader(status int) {
	w.status = status
	if length := w.Header().Get("Content-Length"); status == http.StatusNoContent || status == http.StatusNotModified || isSmall(length) {
		w.leave()
	}
	w.ResponseWriter.WriteHeader(status)
}

func isSmall(length string) bool {
	n, err := strconv.Atoi(length)
	return err == nil && n <= pieceSize
}

// errHurried says that a client was too slow while another waited for its place.
var errHurried = errors.New("the client has not kept its place")

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(p []byte) (n int, err error) {
	for len(p) > pieceSize && err == nil {
		var wrote int
		wrote, err = w.writePiece(p[:pieceSize])
		n, p = n+wrote, p[pieceSize:]
	}
	if err != nil {
		return n, err
	}
	wrote, err := w.writePiece(p)
	return n + wrote, err
}

func (w *answerWriter) writePiece(p []byte) (int, error) {
	if w.place == nil {
		return w.ResponseWriter.Write(p)
	}
	w.place.begin(func() { w.control().SetWriteDeadline(time.Unix(1, 0)) })
	n, err := w.ResponseWriter.Write(p)
	if w.place.end() {
		err = errHurried
	}
	return n, err
}

func (w *answerWriter) control() *http.ResponseController {
	return http.NewResponseController(w.ResponseWriter)
}

func (w *answerWriter) leave() {
	w.place.leave()
	w.place = nil
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answer sends a document.
func (w *answerWriter) answer(status int, document any) error {
	return w.stream(status, func(body io.Writer) error { return json.MarshalWrite(body, document) })
}

// stream sends a document as it is written. An error comes before the answer has
// begun, or leaves it cut off.
func (w *answerWriter) stream(status int, write func(io.Writer) error) error {
	piece := w.pieces.take()
	body := &streamed{to: w, status: status, piece: piece[:0]}
	if err := write(body); err != nil {
		return err
	}
	err := body.end()
	if err == nil {
		// After an error, HTTP/2 may still write from it.
		w.pieces.pool.Put(piece)
	}
	return err
}

// streamed is the body of an answer whose length shows at its end.
type streamed struct {
	to     *answerWriter
	status int
	piece  []byte
}

// Write implements io.Writer.
func (s *streamed) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if len(s.piece) == cap(s.piece) {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
		room := min(len(p), cap(s.piece)-len(s.piece))
		s.piece = append(s.piece, p[:room]...)
		p = p[room:]
	}
	return written, nil
}

func (s *streamed) flush() error {
	if s.to.status == 0 {
		s.to.Header().Set("Content-Type", "application/json")
		s.to.WriteHeader(s.status)
	}
	_, err := s.to.Write(s.piece)
	s.piece = s.piece[:0]
	return err
}

// end sends what is left. Of a short answer that is all, so that its length is
// known.
func (s *streamed) end() error {
	if s.to.status == 0 {
		s.to.Header().Set("Content-Length", strconv.Itoa(len(s.piece)))
	}
	return s.flush()
}

// uploaded is the body of a request that holds a place.
type uploaded struct {
	io.ReadCloser
	to    *answerWriter
	piece int // bytes of it that came; the wait goes on until it is whole
}

// Read implements io.Reader. The error is a refusal if the client has not kept
// its place.
func (u *uploaded) Read(p []byte) (int, error) {
	if u.piece == 0 {
		u.to.place.begin(func() { u.to.control().SetReadDeadline(time.Unix(1, 0)) })
	}
	n, err := u.ReadCloser.Read(p)
	u.piece += n
	if err == nil && u.piece < pieceSize {
		return n, nil
	}
	u.piece = 0
	if u.to.place.end() {
		return n, tooManyInFlight()
	}
	return n, err
}
