package recipes_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/vanguard/vanguardgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
)

// A grpcServer is the health service of grpc-go, in a handler that understands gRPC-web.
type grpcServer struct {
	*health.Server
	address string
	calls   atomic.Int64
}

func startGRPCServer(t *testing.T) *grpcServer {
	t.Helper()
	s := &grpcServer{Server: health.NewServer()}
	calls := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(calls, s)
	handler, err := vanguardgrpc.NewTranscoder(calls)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		handler.ServeHTTP(w, r)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

// generateHealth returns the code that protoc-gen-es generates from the service.
func generateHealth(t *testing.T) string {
	t.Helper()
	file, err := proto.Marshal(protodesc.ToFileDescriptorProto(grpc_health_v1.File_grpc_health_v1_health_proto))
	if err != nil {
		t.Fatal(err)
	}
	return "import {fileDesc, serviceDesc} from '@bufbuild/protobuf/codegenv2'\n" +
		"export const Health = serviceDesc(fileDesc('" + base64.StdEncoding.EncodeToString(file) + "'), 0)\n"
}

func TestGRPCWeb_ServesOnlyListedPages(t *testing.T) {
	recipe, server := readRecipe(t, "gRPC-web"), startGRPCServer(t)
	g := startGateway(t, replaceOnce(t, recipe.config, "127.0.0.1:50051", server.address), "127.0.0.1:0", nil)
	script := bundleScript(t, recipe.script, "grpc-page.js", map[string]string{"gen/grpc/health/v1/health_pb.js": generateHealth(t)})
	pages := startPages(t, script, func() { server.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING) })
	browser := startBrowser(t, "MAP grpc.example.com "+g.address, "MAP *.example.com "+pages)

	type seen struct {
		Status         int
		Watched        []int
		Failure, Error string
	}
	if got, want := runPage[seen](t, browser, listed), (seen{
		Status: 1, Watched: []int{1, 2}, Failure: "[not_found] unknown service",
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("listed page: %+v, want %+v", got, want)
	}
	before := server.calls.Load()
	if got := runPage[seen](t, browser, unlisted); !strings.Contains(got.Error, "Failed to fetch") {
		t.Errorf("unlisted page: %+v, want Failed to fetch", got)
	}
	if n := server.calls.Load() - before; n != 0 {
		t.Errorf("the server got %d calls of the unlisted page", n)
	}
	g.checkExamples(t, recipe.examples)
	g.checkGRPCClient(t)
}

// checkGRPCClient calls the service by gRPC, at the address of the pages.
func (g *gateway) checkGRPCClient(t *testing.T) {
	t.Helper()
	client, err := grpc.NewClient("passthrough:///grpc.example.com",
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.authority.pool()})),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", g.address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := grpc_health_v1.NewHealthClient(client).Check(t.Context(), new(grpc_health_v1.HealthCheckRequest))
	if err != nil || response.Status != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("call of a gRPC client: %v, %v", response, err)
	}
}
