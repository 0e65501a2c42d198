// Package grpcwebtest proves gRPC-web through the gateway with Connect, whose servers
// and clients speak it. The gateway passes gRPC-web on: the tenant has to speak it.
package grpcwebtest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

const (
	unary  = testpb.TestService_UnaryCall_FullMethodName
	stream = testpb.TestService_StreamingOutputCall_FullMethodName
)

// newTenant returns a server of gRPC and gRPC-web. Between two messages of a stream it
// waits for next.
func newTenant(next <-chan bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(unary, connect.NewUnaryHandler(unary, func(_ context.Context, r *connect.Request[testpb.SimpleRequest]) (*connect.Response[testpb.SimpleResponse], error) {
		if s := r.Msg.ResponseStatus; s != nil {
			return nil, connect.NewError(connect.Code(s.Code), errors.New(s.Message))
		}
		res := connect.NewResponse(&testpb.SimpleResponse{Payload: r.Msg.Payload})
		res.Trailer().Set("X-End", "unary")
		return res, nil
	}))
	mux.Handle(stream, connect.NewServerStreamHandler(stream, func(_ context.Context, r *connect.Request[testpb.StreamingOutputCallRequest], to *connect.ServerStream[testpb.StreamingOutputCallResponse]) error {
		to.ResponseTrailer().Set("X-End", "stream")
		for _, p := range r.Msg.ResponseParameters {
			if err := to.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, p.Size)}}); err != nil {
				return err
			}
			<-next
		}
		return nil
	}))
	return mux
}

// protocols are the protocols of Connect's clients.
func protocols(s setting) map[string]connect.ClientOption {
	all := map[string]connect.ClientOption{"gRPC-web": connect.WithGRPCWeb()}
	if s.client == "HTTP/2.0" && s.upstream == "h2c" {
		all["gRPC"] = connect.WithGRPC()
	}
	return all
}

func TestGateway_ForwardsCalls(t *testing.T) {
	for _, s := range settings() {
		url, page := startGateway(t, s, newTenant(nil))
		for protocol, option := range protocols(s) {
			client := connect.NewClient[testpb.SimpleRequest, testpb.SimpleResponse](page, url+unary, option)
			for _, size := range []int{0, 5, 100_000} {
				got, err := client.CallUnary(t.Context(), connect.NewRequest(&testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, size)}}))
				if err != nil || len(got.Msg.Payload.GetBody()) != size || got.Trailer().Get("X-End") != "unary" {
					t.Fatalf("%+v, %s, %d bytes: got %v, %v", s, protocol, size, got, err)
				}
			}
			_, err := client.CallUnary(t.Context(), connect.NewRequest(&testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: int32(connect.CodeNotFound), Message: "no such thing"}}))
			if connect.CodeOf(err) != connect.CodeNotFound || !strings.Contains(err.Error(), "no such thing") {
				t.Errorf("%+v, %s: call that fails: %v", s, protocol, err)
			}
			missing := connect.NewClient[testpb.SimpleRequest, testpb.SimpleResponse](page, url+unary+"Missing", option)
			if _, err := missing.CallUnary(t.Context(), connect.NewRequest(&testpb.SimpleRequest{})); connect.CodeOf(err) != connect.CodeUnimplemented {
				t.Errorf("%+v, %s: method that is missing: %v", s, protocol, err)
			}
		}
	}
}

// Each message of a stream arrives before the next one is sent, and the trailer after the
// last one.
func TestGateway_ForwardsStreams(t *testing.T) {
	sizes := []int32{1, 70_000, 0}
	for _, s := range settings() {
		next := make(chan bool)
		url, page := startGateway(t, s, newTenant(next))
		for protocol, option := range protocols(s) {
			client := connect.NewClient[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse](page, url+stream, option)
			request := &testpb.StreamingOutputCallRequest{}
			for _, size := range sizes {
				request.ResponseParameters = append(request.ResponseParameters, &testpb.ResponseParameters{Size: size})
			}
			got, err := client.CallServerStream(t.Context(), connect.NewRequest(request))
			if err != nil {
				t.Fatalf("%+v, %s: %v", s, protocol, err)
			}
			for _, size := range sizes {
				if !got.Receive() || len(got.Msg().Payload.GetBody()) != int(size) {
					t.Fatalf("%+v, %s: message of %d bytes: %v", s, protocol, size, got.Err())
				}
				next <- true
			}
			if got.Receive() || got.Err() != nil || got.ResponseTrailer().Get("X-End") != "stream" {
				t.Errorf("%+v, %s: end of the stream: %v, trailer %v", s, protocol, got.Err(), got.ResponseTrailer())
			}
			got.Close()
		}
	}
}

// A page that is not listed is refused, at its preflight and at its call.
func TestGateway_DecidesCallsOfPages(t *testing.T) {
	for _, s := range settings() {
		url, page := startGateway(t, s, newTenant(nil))
		for _, row := range []struct {
			origin    string
			preflight int
			code      connect.Code // 0: the call succeeds
		}{{listed, 204, 0}, {unlisted, 403, connect.CodePermissionDenied}} {
			page.origin = row.origin
			preflight, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, url+unary, nil)
			preflight.Header.Set("Access-Control-Request-Method", "POST")
			preflight.Header.Set("Access-Control-Request-Headers", "content-type,x-grpc-web,x-user-agent")
			res, err := page.Do(preflight)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			allowed := res.Header.Get("Access-Control-Allow-Headers")
			if res.StatusCode != row.preflight || row.preflight == 204 && !strings.Contains(allowed, "x-grpc-web") {
				t.Errorf("%+v: preflight of %s: status %d, allowed headers %q", s, row.origin, res.StatusCode, allowed)
			}
			client := connect.NewClient[testpb.SimpleRequest, testpb.SimpleResponse](page, url+unary, connect.WithGRPCWeb())
			_, err = client.CallUnary(t.Context(), connect.NewRequest(&testpb.SimpleRequest{}))
			if (err == nil) != (row.code == 0) || err != nil && connect.CodeOf(err) != row.code {
				t.Errorf("%+v: call of %s: %v, want code %v", s, row.origin, err, row.code)
			}
		}
	}
}
