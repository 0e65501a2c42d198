package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	// keepAlive is after how long a silent connection is probed, the least that
	// gRPC permits. Requests go to another member long before.
	keepAlive        = 10 * time.Second
	keepAliveTimeout = 2 * time.Second // also how long sent bytes may go unacknowledged

	// gRPC would be idle for up to two minutes after an outage.
	firstReconnect   = 100 * time.Millisecond
	longestReconnect = 2 * time.Second
	connectTimeout   = 10 * time.Second // several round trips with TLS

	// calls is how often the client makes one call by itself: again with a new
	// token, if the one that it has is refused.
	calls = 2

	maxRequestBytes = 64 << 20 // etcd's own limit decides, and says so
	maxAnswerBytes  = 1 << 30
)

// connect makes a client of one member, without waiting for it.
func connect(endpoint string, a Access) (*clientv3.Client, error) {
	config := clientv3.Config{
		Endpoints:            []string{endpoint},
		TLS:                  a.TLS,
		DialKeepAliveTime:    keepAlive,
		DialKeepAliveTimeout: keepAliveTimeout,
		// etcd hangs up on those who ping without a call under way.
		PermitWithoutStream: false,
		MaxCallSendMsgSize:  maxRequestBytes,
		MaxCallRecvMsgSize:  maxAnswerBytes,
		MaxUnaryRetries:     calls,
		Logger:              zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: firstReconnect, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longestReconnect},
				MinConnectTimeout: connectTimeout,
			}),
			grpc.WithChainUnaryInterceptor(failFast),
		},
	}
	if a.Username == "" {
		return clientv3.New(config)
	}
	// Given a name and a password, New asks the cluster for a token at once and
	// fails without one. Given a token it does not, and from then on the client
	// renews a token that is refused, by name and password.
	config.Token = "none yet"
	client, err := clientv3.New(config)
	if err != nil {
		return nil, err
	}
	client.Token, client.Username, client.Password = "", a.Username, a.Password
	return client, nil
}

// failFast has a call fail with what is wrong when the member cannot be reached.
// The client would wait until the call's time is over and then say only that.
func failFast(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, conn, append(opts, grpc.WaitForReady(false))...)
}
