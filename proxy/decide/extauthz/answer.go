package extauthz

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

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
func (s *authorization) respond(a *proxy.Answer) *authv3.CheckResponse {
	response := &authv3.CheckResponse{}
	response.ProtoReflect().SetUnknown(s.metadata.of(a)) // DynamicMetadata
	if a.Forwards {
		response.Status = &rpcstatus.Status{Code: int32(codes.OK)}
		response.HttpResponse = &authv3.CheckResponse_OkResponse{OkResponse: forward(a)}
		return response
	}
	response.Status = &rpcstatus.Status{Code: int32(codes.PermissionDenied)}
	response.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: deny(a)}
	return response
}

// deny has Envoy send the gateway's own response.
func deny(a *proxy.Answer) *authv3.DeniedHttpResponse {
	fields := newFields(a.Header, 0)
	for _, f := range a.Header {
		fields.addLines(f, set)
	}
	return &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(a.Status)},
		Headers: fields.all,
		Body:    string(a.Body),
	}
}

// forward has Envoy forward the request, and put the gateway's fields into the response in
// place of the tenant's. Envoy cannot be told to remove a field of a response, but to
// empty it: an empty value allows nothing to an origin (Fetch, section 4.10), and sets no
// cookie (RFC 6265, section 5.2).
func forward(a *proxy.Answer) *authv3.OkHttpResponse {
	fields := newFields(a.Header, len(corsNames)+1)
	for _, f := range a.Header {
		if f.Name == "Vary" {
			fields.addLines(f, add)
		} else {
			fields.addLines(f, set)
		}
	}
	if a.KeepsCORS {
		return &authv3.OkHttpResponse{ResponseHeadersToAdd: fields.all}
	}
	for _, name := range corsNames {
		if !has(a.Header, name) {
			fields.add(name, "", replace)
		}
	}
	if !a.DropsCredentials {
		return &authv3.OkHttpResponse{ResponseHeadersToAdd: fields.all}
	}
	fields.add("Set-Cookie", "", replace)
	return &authv3.OkHttpResponse{ResponseHeadersToAdd: fields.all, HeadersToRemove: credentials}
}

func has(all []cors.Field, name string) bool {
	for _, f := range all {
		if f.Name == name {
			return true
		}
	}
	return false
}
