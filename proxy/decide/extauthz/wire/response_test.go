package wire_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"originwarden/proxy/decide/extauthz/wire"
)

// Envoy reads what was meant, with generated code.
func TestCheckResponse_IsReadByGeneratedCode(t *testing.T) {
	options := []wire.HeaderOption{
		{Name: "vary", Value: "Origin", Action: wire.Add},
		{Name: "access-control-allow-origin", Value: "https://app.example.com", Action: wire.Set},
		{Name: "set-cookie", Action: wire.Replace},
		{Name: "x-long", Value: strings.Repeat("a", 20_000), Action: wire.Set},
	}
	option := func(name, value string, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
		return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: name, Value: value}, AppendAction: action, KeepEmptyValue: value == ""}
	}
	wantOptions := []*corev3.HeaderValueOption{
		option("vary", "Origin", corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD),
		option("access-control-allow-origin", "https://app.example.com", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD),
		option("set-cookie", "", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS),
		option("x-long", strings.Repeat("a", 20_000), corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD),
	}
	said := func(verdict, reason string) *structpb.Struct {
		return &structpb.Struct{Fields: map[string]*structpb.Value{"verdict": structpb.NewStringValue(verdict), "reason": structpb.NewStringValue(reason)}}
	}
	ok, denied := &rpcstatus.Status{Code: int32(codes.OK)}, &rpcstatus.Status{Code: int32(codes.PermissionDenied)}
	for rule, row := range map[string]struct {
		response wire.CheckResponse
		want     *authv3.CheckResponse
	}{
		"forwarded": {
			wire.CheckResponse{Forwards: true, Headers: options, RemovedHeaders: []string{"cookie", "authorization"}, Verdict: "allowed", Reason: "path_public"},
			&authv3.CheckResponse{Status: ok, DynamicMetadata: said("allowed", "path_public"), HttpResponse: &authv3.CheckResponse_OkResponse{
				OkResponse: &authv3.OkHttpResponse{ResponseHeadersToAdd: wantOptions, HeadersToRemove: []string{"cookie", "authorization"}}}},
		},
		"forwarded as it is": {
			wire.CheckResponse{Forwards: true, Verdict: "refused", Reason: "origin_not_listed"},
			&authv3.CheckResponse{Status: ok, DynamicMetadata: said("refused", "origin_not_listed"), HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}}},
		},
		"denied": {
			wire.CheckResponse{Status: 403, Headers: options, Body: `{"errors":[]}`, Verdict: "refused", Reason: "origin_not_listed"},
			&authv3.CheckResponse{Status: denied, DynamicMetadata: said("refused", "origin_not_listed"), HttpResponse: &authv3.CheckResponse_DeniedResponse{
				DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 403}, Headers: wantOptions, Body: `{"errors":[]}`}}},
		},
		"bytes that are not UTF-8": {
			wire.CheckResponse{Status: 403, Headers: []wire.HeaderOption{{Name: "a", Value: "\xff", Action: wire.Set}}, Body: "a\xffb", Verdict: "refused", Reason: "\xff"},
			&authv3.CheckResponse{Status: denied, DynamicMetadata: said("refused", "\ufffd"), HttpResponse: &authv3.CheckResponse_DeniedResponse{
				DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 403}, Body: "a\ufffdb",
					Headers: []*corev3.HeaderValueOption{option("a", "\ufffd", corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)}}}},
		},
		"denied without a body": {
			wire.CheckResponse{Status: 204, Headers: options[:1], Verdict: "allowed", Reason: "listed"},
			&authv3.CheckResponse{Status: denied, DynamicMetadata: said("allowed", "listed"), HttpResponse: &authv3.CheckResponse_DeniedResponse{
				DeniedResponse: &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: 204}, Headers: wantOptions[:1]}}},
		},
	} {
		before := []byte("before")
		encoded := row.response.Append(before)
		got := &authv3.CheckResponse{}
		if err := proto.Unmarshal(encoded[len(before):], got); err != nil || !proto.Equal(got, row.want) {
			t.Errorf("%s: %v\n got %v\nwant %v", rule, err, got, row.want)
		}
		if string(encoded[:len(before)]) != "before" {
			t.Errorf("%s: what was before is %q", rule, encoded[:len(before)])
		}
	}
}
