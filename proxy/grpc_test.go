package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpctls "google.golang.org/grpc/credentials"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"originwarden/proxy"
)

// grpcTenant is a server of gRPC's own interoperability tests.
type grpcTenant struct {
	testpb.UnimplementedTestServiceServer
	canceled chan bool // a call has ended with its context
}

// UnaryCall responds with the request's payload, or fails with its status.
func (g *grpcTenant) UnaryCall(ctx context.Context, r *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	in, _ := metadata.FromIncomingContext(ctx)
	grpc.SetHeader(ctx, metadata.Pairs("x-authority", strings.Join(in[":authority"], " "), "x-forwarded", strings.Join(in["x-forwarded-host"], " ")))
	grpc.SetTrailer(ctx, metadata.Pairs("x-end", "unary", "x-end-bin", "\x00\xff"))
	if r.ResponseStatus != nil {
		return nil, status.Error(codes.Code(r.ResponseStatus.Code), r.ResponseStatus.Message)
	}
	return &testpb.SimpleResponse{Payload: r.Payload}, nil
}

// StreamingOutputCall sends a message of each size, and then fails if that is 13 bytes.
func (g *grpcTenant) StreamingOutputCall(r *testpb.StreamingOutputCallRequest, to grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
	to.SetTrailer(metadata.Pairs("x-end", "stream"))
	for _, p := range r.ResponseParameters {
		if p.Size == 13 {
			return status.Error(codes.DataLoss, "thirteen")
		}
		if err := to.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, p.Size)}}); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall counts the bytes that it gets.
func (g *grpcTenant) StreamingInputCall(from grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error {
	size := 0
	for {
		in, err := from.Recv()
		if err == io.EOF {
			return from.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(in.Payload.Body)
	}
}

// FullDuplexCall answers each message before the next one comes.
func (g *grpcTenant) FullDuplexCall(both grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
	both.SetTrailer(metadata.Pairs("x-end", "duplex"))
	for {
		in, err := both.Recv()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			g.canceled <- true
			return err
		}
		if err := both.Send(&testpb.StreamingOutputCallResponse{Payload: in.Payload}); err != nil {
			return err
		}
	}
}

// newGRPC returns a client that calls a gRPC server through a gateway.
func newGRPC(t *testing.T, config ...func(*proxy.Config)) (testpb.TestServiceClient, *harness, *grpcTenant) {
	tenant := &grpcTenant{canceled: make(chan bool, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, tenant)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	h := newHarness(t, options{protocol: http2, config: with(append([]func(*proxy.Config){setUpstream("h2c://" + l.Addr().String())}, config...)...)})
	trusted := h.gateway.Client().Transport.(*http.Transport).TLSClientConfig
	conn, err := grpc.NewClient(h.gateway.Listener.Addr().String(), grpc.WithAuthority("acme.example"),
		grpc.WithTransportCredentials(grpctls.NewTLS(&tls.Config{RootCAs: trusted.RootCAs, InsecureSkipVerify: true})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return testpb.NewTestServiceClient(conn), h, tenant
}

func TestGateway_ForwardsUnaryGRPC(t *testing.T) {
	client, h, _ := newGRPC(t)
	for _, size := range []int{0, 5, 100_000, 3 << 20} {
		var header, trailer metadata.MD
		payload := &testpb.Payload{Body: make([]byte, size)}
		got, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: payload}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || len(got.Payload.GetBody()) != size {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !slices.Equal(header["x-authority"], []string{"acme.example"}) || !slices.Equal(trailer["x-end"], []string{"unary"}) || trailer["x-end-bin"][0] != "\x00\xff" {
			t.Errorf("header %v, trailer %v", header, trailer)
		}
		if x := h.nextExchange(); x.Status != 200 || x.UpstreamCause != "" || x.Cut || x.Path != "/grpc.testing.TestService/UnaryCall" {
			t.Errorf("exchange %+v", x)
		}
	}
}

// The status of a call is in the trailer, or in the header of a response without messages.
func TestGateway_ForwardsFailedGRPC(t *testing.T) {
	client, h, _ := newGRPC(t)
	var trailer metadata.MD
	_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: int32(codes.NotFound), Message: "no such thing: ü\n"}}, grpc.Trailer(&trailer))
	if status.Code(err) != codes.NotFound || status.Convert(err).Message() != "no such thing: ü\n" || len(trailer["x-end"]) != 1 {
		t.Errorf("error %v, trailer %v", err, trailer)
	}
	h.nextExchange()
	if _, err := client.EmptyCall(t.Context(), &testpb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("method that is missing: %v", err)
	}
	h.nextExchange()
	stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: 13}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DataLoss || len(stream.Trailer()["x-end"]) != 1 {
		t.Errorf("stream that fails: %v, trailer %v", err, stream.Trailer())
	}
}

func TestGateway_ForwardsStreamsOfGRPC(t *testing.T) {
	client, _, _ := newGRPC(t)
	stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: 70_000}, {Size: 0}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 70_000, 0} {
		if got, err := stream.Recv(); err != nil || len(got.Payload.GetBody()) != size {
			t.Errorf("got %d bytes, %v; want %d", len(got.GetPayload().GetBody()), err, size)
		}
	}
	if _, err := stream.Recv(); err != io.EOF || !slices.Equal(stream.Trailer()["x-end"], []string{"stream"}) {
		t.Errorf("end of the stream: %v, trailer %v", err, stream.Trailer())
	}

	upload, err := client.StreamingInputCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := upload.Send(&testpb.StreamingInputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 10_000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := upload.CloseAndRecv(); err != nil || got.AggregatedPayloadSize != 500_000 {
		t.Errorf("upload: %v, %v", got, err)
	}
}

// Each message of a bidirectional stream is answered before the next one is sent, also
// when that takes longer than a response may.
func TestGateway_ForwardsBidirectionalGRPC(t *testing.T) {
	client, h, _ := newGRPC(t, func(c *proxy.Config) { c.Timeouts.Response = 50 * time.Millisecond })
	both, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pause := time.NewTicker(30 * time.Millisecond)
	defer pause.Stop()
	for i := range 10 {
		<-pause.C
		if err := both.Send(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, i*1000)}}); err != nil {
			t.Fatal(err)
		}
		if got, err := both.Recv(); err != nil || len(got.Payload.GetBody()) != i*1000 {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	both.CloseSend()
	if _, err := both.Recv(); err != io.EOF || !slices.Equal(both.Trailer()["x-end"], []string{"duplex"}) {
		t.Errorf("end of the stream: %v, trailer %v", err, both.Trailer())
	}
	if x := h.nextExchange(); x.Cut || x.UpstreamCause != "" || x.Received == 0 || x.Sent == 0 {
		t.Errorf("exchange %+v", x)
	}
}

// A stream that is silent in both directions makes no progress.
func TestGateway_EndsSilentGRPC(t *testing.T) {
	client, h, _ := newGRPC(t, func(c *proxy.Config) { c.Timeouts.Progress = 200 * time.Millisecond })
	both, err := client.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	both.Send(&testpb.StreamingOutputCallRequest{})
	if _, err := both.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := both.Recv(); status.Code(err) == codes.OK || err == io.EOF {
		t.Errorf("end of the stream: %v, want an error", err)
	}
	if x := h.nextExchange(); x.Limit != "body_progress" {
		t.Errorf("exchange %+v, want the limit body_progress", x)
	}
}

// A call that its client gives up ends at the tenant too.
func TestGateway_CancelsGRPC(t *testing.T) {
	client, _, tenant := newGRPC(t)
	ctx, cancel := context.WithCancel(t.Context())
	both, err := client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	both.Send(&testpb.StreamingOutputCallRequest{})
	if _, err := both.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-tenant.canceled:
	case <-time.After(20 * time.Second):
		t.Error("the tenant's call does not end")
	}
}

// What the gateway answers itself is an error of the call.
func TestGateway_RefusesGRPC(t *testing.T) {
	for _, row := range []struct {
		rule   string
		origin string
		config func(*proxy.Config)
		code   codes.Code
	}{
		{"listed origin", listed, func(*proxy.Config) {}, codes.OK},
		{"unlisted origin", unlisted, func(*proxy.Config) {}, codes.PermissionDenied},
		{"server that is down", listed, setUpstream("h2c://127.0.0.1:1"), codes.Unavailable},
		{"prefix that the server does not know", listed, setPrefix("/base"), codes.Unimplemented},
	} {
		client, _, _ := newGRPC(t, row.config)
		_, err := client.UnaryCall(metadata.AppendToOutgoingContext(t.Context(), "origin", row.origin), &testpb.SimpleRequest{})
		if status.Code(err) != row.code {
			t.Errorf("%s: %v, want %v", row.rule, err, row.code)
		}
	}
}

// The server gets the Host that is configured as :authority.
func TestGateway_SendsConfiguredAuthorityByGRPC(t *testing.T) {
	var upstream string
	client, _, _ := newGRPC(t, takeHostOfUpstream, func(c *proxy.Config) { upstream = c.Tenants[0].Upstream.Host })
	var header metadata.MD
	if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, grpc.Header(&header)); err != nil {
		t.Fatal(err)
	}
	if got := header["x-authority"]; !slices.Equal(got, []string{upstream}) || !slices.Equal(header["x-forwarded"], []string{"acme.example"}) {
		t.Errorf("header %v, want the authority %s", header, upstream)
	}
}

// A server that restarts loses no call: those that were not sent to it are sent again.
func TestGateway_SendsGRPCAfterRestart(t *testing.T) {
	client, h, _ := newGRPC(t)
	for range 2 {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	first := grpc.NewServer()
	testpb.RegisterTestServiceServer(first, &grpcTenant{})
	go first.Serve(l)
	cfg := h.config(options{}, nil)
	setUpstream("h2c://" + address)(&cfg)
	if err := h.proxy.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	first.GracefulStop()
	restarted := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() {
		l, err := net.Listen("tcp", address)
		if restarted <- err; err != nil {
			return
		}
		second := grpc.NewServer()
		testpb.RegisterTestServiceServer(second, &grpcTenant{})
		t.Cleanup(second.Stop)
		second.Serve(l)
	})
	_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
	if err := errors.Join(err, <-restarted); err != nil {
		t.Error(err)
	}
}
