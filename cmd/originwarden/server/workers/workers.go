// Package workers runs handlers on goroutines that stay.
package workers

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
)

// Handler runs another handler, the requests of HTTP/2 on goroutines that it keeps for
// the next ones. net/http starts a goroutine for each of them, whose small stack would be
// copied to larger ones until the handler fits: an eighth of the time of a short request.
type Handler struct {
	handler http.Handler

	mu     sync.Mutex
	idle   []*worker // the last one has waited least
	closed bool
}

// maxIdle is how many goroutines wait for requests at most.
const maxIdle = 256

// New returns a Handler, which has to be closed.
func New(handler http.Handler) *Handler { return &Handler{handler: handler} }

// worker is a goroutine that serves one request after the other.
type worker struct {
	requests chan request
	ended    chan any // what the handler panicked with, or nil
}

type request struct {
	w http.ResponseWriter
	r *http.Request
}

// ServeHTTP implements http.Handler. It panics as the handler does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		h.handler.ServeHTTP(w, r)
		return
	}
	worker := h.take()
	worker.requests <- request{w, r}
	cause := <-worker.ended
	h.putBack(worker)
	if cause != nil {
		panic(cause)
	}
}

func (h *Handler) take() *worker {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := len(h.idle) - 1; last >= 0 {
		w := h.idle[last]
		h.idle = h.idle[:last]
		return w
	}
	w := &worker{requests: make(chan request, 1), ended: make(chan any, 1)}
	go h.run(w)
	return w
}

func (h *Handler) putBack(w *worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.idle) == maxIdle {
		close(w.requests)
		return
	}
	h.idle = append(h.idle, w)
}

func (h *Handler) run(w *worker) {
	for request := range w.requests {
		w.ended <- h.serve(request)
	}
}

// serve returns what the handler panics with. net/http has to know http.ErrAbortHandler,
// and logs all else with the stack of its own goroutine.
func (h *Handler) serve(request request) (cause any) {
	defer func() {
		if cause = recover(); cause != nil && cause != http.ErrAbortHandler {
			cause = fmt.Sprintf("%v\n%s", cause, debug.Stack())
		}
	}()
	h.handler.ServeHTTP(request.w, request.r)
	return nil
}

// Close ends the goroutines that wait for requests, and the others after their request.
func (h *Handler) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, w := range h.idle {
		close(w.requests)
	}
	h.idle = nil
}
