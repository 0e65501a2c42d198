package extauthz

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/cors"
)

// What is done with a field of the response that Envoy has from the tenant.
const (
	add     = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
	set     = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
	replace = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS
)

// Fields that Envoy is told to drop. They are not changed.
var (
	credentials = []string{"cookie", "authorization"}
	// corsNames are those that browsers read in the response to an actual request.
	corsNames = []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"}
)

// respond returns the message for an answer. The status says whether Envoy forwards the
// request: it looks at nothing else for that.
func respond(a *proxy.Answer) *authv3.CheckResponse {
	response := &authv3.CheckResponse{DynamicMetadata: metadata(a)}
	if a.Forwards {
		response.Status = &rpcstatus.Status{Code: int32(codes.OK)}
		response.HttpResponse = &authv3.CheckResponse_OkResponse{OkResponse: forward(a)}
		return response
	}
	response.Status = &rpcstatus.Status{Code: int32(codes.PermissionDenied)}
	response.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: deny(a)}
	return response
}

// metadata is for Envoy's access log.
func metadata(a *proxy.Answer) *structpb.Struct {
	verdict := origins.Refused
	if a.Verdict == origins.Allowed {
		verdict = origins.Allowed
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"verdict": structpb.NewStringValue(string(verdict)),
		"reason":  structpb.NewStringValue(a.Reason),
	}}
}

// deny has Envoy send the gateway's own response.
func deny(a *proxy.Answer) *authv3.DeniedHttpResponse {
	headers := make([]*corev3.HeaderValueOption, 0, len(a.Header))
	for _, f := range a.Header {
		headers = appendLines(headers, f, set)
	}
	return &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(a.Status)},
		Headers: headers,
		Body:    string(a.Body),
	}
}

// forward has Envoy forward the request, and put the gateway's fields into the response in
// place of the tenant's. Envoy cannot be told to remove a field of a response, but to
// empty it: an empty value allows nothing to an origin (Fetch, section 4.10), and sets no
// cookie (RFC 6265, section 5.2).
func forward(a *proxy.Answer) *authv3.OkHttpResponse {
	response := &authv3.OkHttpResponse{ResponseHeadersToAdd: make([]*corev3.HeaderValueOption, 0, len(a.Header)+len(corsNames)+1)}
	headers := &response.ResponseHeadersToAdd
	for _, f := range a.Header {
		if f.Name == "Vary" {
			*headers = appendLines(*headers, f, add)
		} else {
			*headers = appendLines(*headers, f, set)
		}
	}
	if a.KeepsCORS {
		return response
	}
	for _, name := range corsNames {
		if !has(a.Header, name) {
			*headers = append(*headers, option(name, "", replace))
		}
	}
	if a.DropsCredentials {
		response.HeadersToRemove = credentials
		*headers = append(*headers, option("Set-Cookie", "", replace))
	}
	return response
}

func has(all []cors.Field, name string) bool {
	for _, f := range all {
		if f.Name == name {
			return true
		}
	}
	return false
}

// appendLines appends the lines of a field, of which an action is for the first.
func appendLines(all []*corev3.HeaderValueOption, f cors.Field, action corev3.HeaderValueOption_HeaderAppendAction) []*corev3.HeaderValueOption {
	for _, value := range f.Values {
		all = append(all, option(f.Name, value, action))
		action = add
	}
	return all
}

func option(name, value string, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:         &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
		AppendAction:   action,
		KeepEmptyValue: value == "",
	}
}
