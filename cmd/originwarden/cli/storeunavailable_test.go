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

// startRefusingCluster starts an etcd member that denies every request, and
// returns its address.
func startRefusingCluster(t *testing.T) string {
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

// The error of the last attempt is often only a timeout; the log must name the
// cause.
func TestServe_LogsWhyTheStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	r := startCommand(t, Environment{}, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--config", writeConfig(t, tenantConfig(startServer(t, hello), fmt.Sprintf(`
store: {url: 'etcd://%s'}
api: {tokens: [{subject: ops, tenant: "*", role: admin, sha256: "%064d"}]}`, startRefusingCluster(t), 0))))
	t.Cleanup(func() { r.stop(t) })
	line := r.await(t, r.stderr, `"msg":"starting without the store","error":"([^"]*)"`)
	if !strings.HasSuffix(line[1], "permission denied") {
		t.Errorf("logged error %q, want permission denied", line[1])
	}
}
