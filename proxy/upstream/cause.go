package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Why a request failed.
const (
	causeConnect  = "connect"  // refused, no route, no such name
	CauseTimeout  = "timeout"  // while connecting, or before the response
	causeReset    = "reset"    // the connection was cut before the response
	causeProtocol = "protocol" // the response is not HTTP, or switches protocols unasked
	CauseClient   = "client"   // the client was gone first
)

// ErrClientGone ends an exchange whose client is gone.
var ErrClientGone = errors.New("the client is gone")

// CauseOf returns the cause of the error of a request with the context ctx: one of
// those above.
func CauseOf(ctx context.Context, err error) string {
	var timeout net.Error
	var dial *net.OpError
	switch {
	case ctx.Err() != nil, errors.Is(err, ErrClientGone):
		return CauseClient
	case errors.As(err, &timeout) && timeout.Timeout():
		return CauseTimeout
	case errors.As(err, &dial) && dial.Op == "dial":
		return causeConnect
	case isLoss(err):
		return causeReset
	}
	return causeProtocol
}

// isLoss reports whether err says that the connection was cut. net/http has no other sign
// of one that was cut before its HTTP/2 began.
func isLoss(err error) bool {
	return strings.HasSuffix(err.Error(), "http2: client conn could not be established") ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
