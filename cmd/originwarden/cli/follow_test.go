package cli

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusingCluster has members that let nobody in. It returns the address of one.
func refusingCluster(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.PermissionDenied, "etcdserver: permission denied")
	}))
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// That the last attempt had no time left says nothing.
func TestServe_SaysWhyItStartsWithoutTheStore(t *testing.T) {
	t.Parallel()
	r := start(t, Environment{}, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--config", writeConfig(t, oneTenant(upstream(t, hello), fmt.Sprintf(`
store: {url: 'etcd://%s'}
api: {tokens: [{subject: ops, tenant: "*", role: admin, sha256: "%064d"}]}`, refusingCluster(t), 0))))
	t.Cleanup(func() { r.stop(t) })
	line := r.await(t, r.stderr, `"msg":"starting without the store","error":"([^"]*)"`)
	if !strings.HasSuffix(line[1], "permission denied") {
		t.Errorf("it says %s", line[1])
	}
}
