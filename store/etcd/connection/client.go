package connection

import (
	"context"
	"crypto/tls"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Access holds the credentials for the cluster.
type Access struct {
	// Username and Password are those of an etcd user; set both or neither. The
	// user needs permission to read and write under the prefix, and no other.
	Username, Password string
	// TLS configures connections and may hold a client certificate. Nil means
	// connections without TLS.
	TLS *tls.Config
}

const (
	// keepAlive is how long a connection may be silent before it is probed: the
	// minimum that gRPC permits. Requests go to another member much earlier.
	keepAlive        = 10 * time.Second
	keepAliveTimeout = 2 * time.Second // also for sent bytes that are not acknowledged

	// By default, gRPC waits up to two minutes after an outage.
	minReconnectDelay = 100 * time.Millisecond
	maxReconnectDelay = 2 * time.Second
	connectTimeout    = 10 * time.Second // several round trips with TLS

	// callAttempts lets the client repeat a call once by itself, with a new token
	// if its token was refused.
	callAttempts = 2

	maxRequestBytes  = 64 << 20 // etcd's own limit is lower, and its error is clearer
	maxResponseBytes = 1 << 30
)

// newClient returns a client of one member, without waiting for a connection.
func newClient(endpoint string, a Access) (*clientv3.Client, error) {
	config := clientv3.Config{
		Endpoints:            []string{endpoint},
		TLS:                  a.TLS,
		DialKeepAliveTime:    keepAlive,
		DialKeepAliveTimeout: keepAliveTimeout,
		MaxCallSendMsgSize:   maxRequestBytes,
		MaxCallRecvMsgSize:   maxResponseBytes,
		MaxUnaryRetries:      callAttempts,
		Logger:               zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: minReconnectDelay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxReconnectDelay},
				MinConnectTimeout: connectTimeout,
			}),
			grpc.WithChainUnaryInterceptor(failFast),
		},
	}
	if a.Username == "" {
		return clientv3.New(config)
	}
	// With a name and a password, New requests a token at once and fails without
	// one. With a token it does not; later the client uses the name and the
	// password to replace a refused token.
	config.Token = "none yet"
	client, err := clientv3.New(config)
	if err != nil {
		return nil, err
	}
	client.Token, client.Username, client.Password = "", a.Username, a.Password
	return client, nil
}

// failFast makes a call to an unreachable member fail with the reason. By default
// the client waits for the deadline and then reports only that.
func failFast(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, conn, append(opts, grpc.WaitForReady(false))...)
}
