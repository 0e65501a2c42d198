package cli

import (
	"crypto/tls"
	"fmt"
	"os"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// dialGRPC connects to the address for questions as Envoy does.
func dialGRPC(t *testing.T, r *runningCommand, as credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.decide, grpc.WithTransportCredentials(as))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// askAsEnvoy asks about a GET of /orders from 192.0.2.7, and returns the status of the
// answer, "forward" or an error's code.
func askAsEnvoy(t *testing.T, conn *grpc.ClientConn, origin string) string {
	t.Helper()
	response, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "192.0.2.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 50000}},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/orders?secret=1", Host: "acme.example", Scheme: "https", Protocol: "HTTP/1.1",
			Headers: map[string]string{":method": "GET", "origin": origin},
		}},
	}})
	switch {
	case err != nil:
		return status.Code(err).String()
	case response.GetOkResponse() != nil && response.GetStatus().GetCode() == int32(codes.OK):
		return "forward"
	}
	return fmt.Sprint(int(response.GetDeniedResponse().GetStatus().GetCode()))
}

// healthOf returns the state of health, or an error's code.
func healthOf(t *testing.T, conn *grpc.ClientConn) string {
	t.Helper()
	response, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		return status.Code(err).String()
	}
	return response.GetStatus().String()
}

// Envoy's questions are answered, logged and counted like those over HTTP, until the
// gateway is gone: then Envoy gets an error, and never an answer.
func TestDecide_AnswersEnvoyOverGRPC(t *testing.T) {
	dir := t.TempDir()
	r := launchGateway(t, Environment{}, dir, tenantConfig("http://127.0.0.1:1", decideNginx, "timeouts: {shutdown_delay: 3s}"))
	conn := dialGRPC(t, r, insecure.NewCredentials())
	if got := healthOf(t, conn) + ", " + askAsEnvoy(t, conn, "https://app.example"); got != "SERVING, 403" {
		t.Errorf("before it is listed: %s", got)
	}
	listOrigin(t, dir, r, "https://app.example")
	if got := askAsEnvoy(t, conn, "https://app.example"); got != "forward" {
		t.Errorf("afterwards: %s", got)
	}
	r.await(t, r.stderr, `"verdict":"refused","reason":"origin_not_listed".*"method":"GET","path":"/orders","status":403.*"client":"192.0.2.7".*"asked":true,"origin":"https://app.example"`)
	r.await(t, r.stderr, `"verdict":"allowed","reason":"listed".*"path":"/orders","status":200.*"asked":true`)
	r.signals <- os.Interrupt
	r.await(t, r.stderr, `"msg":"stopping"`)
	if got := healthOf(t, conn) + ", " + askAsEnvoy(t, conn, "https://app.example"); got != "NOT_SERVING, forward" {
		t.Errorf("while it stops: %s", got)
	}
	if status := r.wait(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if got := healthOf(t, conn) + ", " + askAsEnvoy(t, conn, "https://app.example"); got != "Unavailable, Unavailable" {
		t.Errorf("when it is gone: %s", got)
	}
}

func TestDecide_AnswersEnvoyWithACertificate(t *testing.T) {
	dir := t.TempDir()
	server, trusted, stranger := newAuthority(t, dir), newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())
	files := server.issue(t, dir, "decide.internal")
	r := startGateway(t, t.TempDir(), tenantConfig("http://127.0.0.1:1",
		fmt.Sprintf("decide: {listen: '127.0.0.1:0', tls: {cert: %q, key: %q, client_ca: %q}}\n", files.Cert, files.Key, trusted.file)))
	for _, row := range []struct {
		rule  string
		own   *authority
		valid time.Duration
		want  string
	}{
		{"no certificate", nil, 0, "Unavailable"},
		{"of another authority", stranger, time.Hour, "Unavailable"},
		{"of the authority, expired", trusted, -time.Minute, "Unavailable"},
		{"of the authority", trusted, time.Hour, "403"},
	} {
		config := &tls.Config{RootCAs: server.pool(), Certificates: proxyCertificates(t, row.own, row.valid)}
		if got := askAsEnvoy(t, dialGRPC(t, r, credentials.NewTLS(config)), "https://app.example"); got != row.want {
			t.Errorf("%s: %s, want %s", row.rule, got, row.want)
		}
	}
}
