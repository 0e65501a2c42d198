package extauthz

import (
	"context"
	"log"
	"net/http"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"originwarden/proxy"
	"originwarden/proxy/decide"
)

// Config configures a handler.
type Config struct {
	Decider decide.Decider
	// IsReady reports whether decisions can be had: the lists are there, and the
	// gateway is not stopping.
	IsReady func() bool
	// Observe is called once for every question that cannot be read, and for every
	// one whose decision panicked, with Asked, the status of the answer, and why as
	// Err. It must not keep the Exchange. It may be nil.
	Observe func(*proxy.Exchange)
	// ErrorLog gets the panics of Observe. If it is nil, they go to log.Default.
	ErrorLog *log.Logger
}

// Limits of a question. Envoy accepts requests with 100 headers of 60 KiB in all, if it
// is not configured otherwise.
const (
	maxQuestionBytes = 256 << 10
	maxHeaders       = 1000
)

// New returns a handler for HTTP/2 requests, which are calls of gRPC. It may be used
// concurrently.
func New(c Config) http.Handler {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxQuestionBytes))
	authv3.RegisterAuthorizationServer(server, &authorization{config: c, metadata: metadata{encoded: map[said][]byte{}}})
	healthv1.RegisterHealthServer(server, &health{isReady: c.IsReady})
	return server
}

// health says whether decisions can be had. Watch is not implemented: it would hold the
// connections that the gateway waits for when it stops.
type health struct {
	healthv1.UnimplementedHealthServer
	isReady func() bool
}

// Check implements healthv1.HealthServer. The service "" is the whole server.
func (h *health) Check(_ context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	switch {
	case r.GetService() != "" && r.GetService() != authv3.Authorization_ServiceDesc.ServiceName:
		return nil, errUnknownService
	case h.isReady():
		return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
	}
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_NOT_SERVING}, nil
}
