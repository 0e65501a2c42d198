package extauthz

import (
	"context"
	"log"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"originwarden/proxy"
	"originwarden/proxy/decide"
)

// Config configures a server.
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
	// Idle is how long a connection may have no call; 0 is no limit.
	Idle time.Duration
	// Workers is how many goroutines wait for calls of such connections, until the server
	// is stopped. A goroutine that is new would copy its stack until the call fits, which
	// takes a tenth of it; if none waits, there is a new one.
	Workers int
}

// Limits of a question. Envoy accepts requests with 100 headers of 60 KiB in all, if it
// is not configured otherwise.
const (
	maxQuestionBytes = 256 << 10
	maxHeaders       = 1000
)

// Limits of a client's connection.
const (
	maxStreams     = 250 // calls at a time: as many as with net/http
	maxHeaderBytes = 16 << 10
	// minPing lets a client ask as often as it likes whether the connection is alive, also
	// without a call, as Envoy does with connection_keepalive: gRPC writes the answers to few
	// pings before it reads more.
	minPing = time.Nanosecond
	// bufferBytes is for reading and for writing. The calls that come together in a
	// buffer are answered together.
	bufferBytes = 16 << 10
)

// New returns a server for calls of gRPC, which may be used for connections and, as an
// http.Handler, for HTTP/2 requests.
func New(c Config) *grpc.Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxQuestionBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ReadBufferSize(bufferBytes), grpc.WriteBufferSize(bufferBytes),
		grpc.NumStreamWorkers(uint32(c.Workers)),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: c.Idle}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
	)
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
