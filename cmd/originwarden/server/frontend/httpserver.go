package frontend

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"

	"originwarden/proxy/fastlane"
)

// NewHTTPServer returns a server of HTTP/1.1, and of HTTP/2 with http2 if that is not nil.
// It sets no time limit for a response, which may be a stream. Requests have the context
// base.
func NewHTTPServer(base context.Context, handler http.Handler, settings Settings, http2 *tls.Config, errorLog *log.Logger) *http.Server {
	const slop = 4 << 10 // that net/http reads beyond MaxHeaderBytes
	server := &http.Server{
		Handler:                      handler,
		Protocols:                    fastlane.Protocols(http2 != nil),
		ReadHeaderTimeout:            settings.ReadHeader,
		IdleTimeout:                  settings.Idle,
		MaxHeaderBytes:               settings.HeaderBytes - slop,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     errorLog,
		BaseContext:                  func(net.Listener) context.Context { return base },
		HTTP2: &http.HTTP2Config{
			MaxReadFrameSize: 16 << 10, // the minimum: net/http buffers a whole frame
		},
	}
	if http2 != nil {
		server.TLSConfig = http2.Clone() // net/http changes it
	}
	return server
}
