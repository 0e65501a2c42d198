package extauthz

import (
	"context"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/tap"

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
	// Err. It must not keep the Exchange. It may be nil. gRPC itself responds with an
	// error to what is no message, or too long: nobody observes that.
	Observe func(*proxy.Exchange)
	// ErrorLog gets the panics of Observe. If it is nil, they go to log.Default.
	ErrorLog *log.Logger
	// Idle is how long a connection may have no call; 0 is no limit.
	Idle time.Duration
	// Limit is how long a call may take, from its first byte to its answer; 0 is no limit.
	// A connection is replaced after maxAge, and ended so much later with what it has: that
	// ends calls whose client does not take the answer.
	Limit time.Duration
	// MaxHeader is how many bytes the header of a call may have, as HPACK counts them; 0 is
	// gRPC's own limit.
	MaxHeader int
	// Workers is how many goroutines wait for calls of such connections, until the server
	// is stopped. A goroutine that is new would copy its stack until the call fits, which
	// takes a tenth of it; if none waits, there is a new one.
	Workers int
}

// maxQuestionBytes limits a question, as wire.MaxLines does. Envoy accepts requests with
// 100 headers of 60 KiB in all, if it is not configured otherwise.
const maxQuestionBytes = 256 << 10

// MaxStreams is how many calls a client may have at a time on one connection.
const MaxStreams = 250

// Limits of a client's connection.
const (
	maxAge = 10 * time.Minute
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
	age := keepalive.ServerParameters{MaxConnectionIdle: c.Idle}
	if c.Limit > 0 {
		age.MaxConnectionAge, age.MaxConnectionAgeGrace = maxAge, c.Limit
	}
	var header grpc.ServerOption = grpc.EmptyServerOption{}
	if c.MaxHeader > 0 {
		header = grpc.MaxHeaderListSize(uint32(c.MaxHeader))
	}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name)}),
		grpc.MaxRecvMsgSize(maxQuestionBytes),
		grpc.MaxConcurrentStreams(MaxStreams),
		header,
		grpc.InTapHandle(c.limitCall),
		grpc.ReadBufferSize(bufferBytes), grpc.WriteBufferSize(bufferBytes),
		grpc.NumStreamWorkers(uint32(c.Workers)),
		grpc.KeepaliveParams(age),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
	)
	server.RegisterService(&service, &authorization{c})
	healthv1.RegisterHealthServer(server, &health{isReady: c.IsReady})
	return server
}

// limitCall limits the time of a call, also of one whose question never comes. Envoy itself
// sends a limit, which is mostly less.
func (c Config) limitCall(ctx context.Context, _ *tap.Info) (context.Context, error) {
	if deadline, ok := ctx.Deadline(); c.Limit == 0 || ok && time.Until(deadline) <= c.Limit {
		return ctx, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	_ = cancel // the transport ends the context that this is made of
	return ctx, nil
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
	case r.GetService() != "" && r.GetService() != serviceName:
		return nil, errUnknownService
	case h.isReady():
		return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
	}
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_NOT_SERVING}, nil
}
