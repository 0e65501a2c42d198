package decide

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"originwarden/proxy"
	"originwarden/proxy/fastlane"
	"originwarden/proxy/request"
)

// Decider decides on requests, and observes them. A proxy.Gateway is one. It is used
// concurrently.
type Decider interface {
	Decide(context.Context, request.Request) proxy.Answer
}

// Config configures a Handler.
type Config struct {
	Decider Decider
	// Observe is called once for every question that cannot be read or has another
	// path, with Asked, the status of the answer, and why as Err. It must not keep the
	// Exchange. It may be nil.
	Observe func(*proxy.Exchange)
	// GRPC answers the calls of gRPC. If it is nil, they get 404 as other paths.
	GRPC http.Handler
}

// Path is where questions are asked. In the dialect Envoy, the client's target follows.
const Path = "/decide"

// Handler answers questions, as an http.Handler and as a fastlane.Handler. It may be used
// concurrently.
type Handler struct {
	config  Config
	dialect atomic.Uint32
	closing atomic.Bool
	date    fastlane.Clock
}

// New returns a Handler for questions in a dialect.
func New(c Config, d Dialect) *Handler {
	h := &Handler{config: c}
	h.SetDialect(d)
	return h
}

// SetDialect changes the dialect of the questions that are read from now on.
func (h *Handler) SetDialect(d Dialect) { h.dialect.Store(uint32(d)) }

// CloseConnections has every connection closed after its next answer.
func (h *Handler) CloseConnections() { h.closing.Store(true) }

// ServeHTTP answers a question. It ignores the body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.closing.Load() {
		w.Header().Set("Connection", "close")
	}
	if h.config.GRPC != nil && isGRPC(r) {
		h.config.GRPC.ServeHTTP(w, r)
		return
	}
	start, dialect := time.Now(), Dialect(h.dialect.Load())
	asked, p := dialect.read(receivedBy(r))
	if p != nil {
		h.reject(w, r, start, p)
		return
	}
	answer := dialect.answer(&asked, h.config.Decider.Decide(r.Context(), asked))
	answer.write(w)
}

// isGRPC reports whether r is a call of gRPC.
func isGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && IsCall(r.Method, r.RequestURI, r.Header.Get("Content-Type"))
}

// IsCall reports whether a request over HTTP/2 is a call of gRPC, and no question over
// HTTP. The target says so too, because in the dialect Envoy the method and the
// Content-Type are the client's.
func IsCall(method, target, contentType string) bool {
	rest, isOfGRPC := strings.CutPrefix(contentType, "application/grpc")
	return isOfGRPC && (rest == "" || rest[0] == '+' || rest[0] == ';') && method == http.MethodPost &&
		strings.HasPrefix(target, "/") && !strings.HasPrefix(target, Path)
}
