package extauthz_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"originwarden/lists"
	"originwarden/lists/liststest"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz"
)

const (
	listed   = "https://app.example.com"
	unlisted = "https://evil.example"
	public   = "https://tenant.example"
	expose   = "ETag, Retry-After"
	client   = "192.0.2.7"
)

// harness is a gateway that answers Envoy's questions on real connections.
type harness struct {
	t         testing.TB
	gateway   *proxy.Gateway
	conn      *grpc.ClientConn // served by gRPC's own server
	envoy     authv3.AuthorizationClient
	httpConn  *grpc.ClientConn // served by net/http
	overHTTP  authv3.AuthorizationClient
	exchanges chan proxy.Exchange // of the gateway, and of what is no question
}

// options configure a harness.
type options struct {
	config  func(*proxy.Config)
	load    liststest.Loader
	decider func(decide.Decider) decide.Decider
	isReady func() bool
	limit   time.Duration
}

func newHarness(t testing.TB, o options) *harness {
	t.Helper()
	h := &harness{t: t, exchanges: make(chan proxy.Exchange, 1000)}
	if o.load == nil {
		o.load = loadOne
	}
	config := gatewayConfig(liststest.New(lists.Config{Bounds: lists.Bounds{Tenants: 100, Origins: 1000}}, o.load))
	config.OnEnd = h.observe
	if o.config != nil {
		o.config(&config)
	}
	gateway, err := proxy.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gateway.Close)
	h.gateway = gateway
	var decider decide.Decider = gateway
	if o.decider != nil {
		decider = o.decider(decider)
	}
	if o.isReady == nil {
		o.isReady = func() bool { return true }
	}
	h.serve(extauthz.New(extauthz.Config{Decider: decider, IsReady: o.isReady, Observe: h.observe, Limit: o.limit, MaxHeader: 32 << 10}))
	return h
}

func (h *harness) observe(x *proxy.Exchange) {
	select {
	case h.exchanges <- *x:
	default: // a benchmark reads none
	}
}

func gatewayConfig(all proxy.Lists) proxy.Config {
	nowhere := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	policy := origins.Policy{PublicOrigins: []string{public}, PublicPaths: []string{"/assets/*"}, Methods: []string{"GET", "POST", "PUT"}, RequestHeaders: []string{"*"}}
	tenant := func(id string, mode proxy.Mode) proxy.Tenant {
		return proxy.Tenant{ID: id, Hosts: []string{id + ".example"}, Upstream: nowhere, Mode: mode, Policy: policy}
	}
	return proxy.Config{
		Tenants:   []proxy.Tenant{tenant("acme", proxy.Enforce), tenant("headers", proxy.Headers), tenant("report", proxy.Report)},
		Lists:     all,
		CORS:      proxy.CORS{Credentials: true, Methods: policy.Methods, ExposeHeaders: strings.Split(expose, ", "), MaxAge: 10 * time.Minute},
		URLBytes:  1024,
		BodyBytes: 1 << 20,
	}
}

// loadOne returns a list of one web integration.
func loadOne(context.Context, string) (*origins.List, error) {
	return origins.NewList(1, []origins.Part{{ID: "first", Revision: 1, Origins: []string{listed}}}), nil
}

// serve serves calls as the gateway does, in both ways, and connects to it.
func (h *harness) serve(calls *grpc.Server) {
	h.t.Helper()
	server := &http.Server{Handler: calls, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	h.t.Cleanup(func() { server.Close() })
	h.t.Cleanup(calls.Stop)
	h.conn, h.httpConn = h.connect(calls.Serve), h.connect(server.Serve)
	h.envoy, h.overHTTP = authv3.NewAuthorizationClient(h.conn), authv3.NewAuthorizationClient(h.httpConn)
}

// connect serves a listener, and connects to it.
func (h *harness) connect(serve func(net.Listener) error) *grpc.ClientConn {
	h.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	go serve(listener)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

// check asks in both ways, and expects an answer whose status agrees with its response.
func (h *harness) check(rule string, question *authv3.CheckRequest) answer {
	h.t.Helper()
	overHTTP, got := h.ask(rule+", over net/http", h.overHTTP, question), h.ask(rule, h.envoy, question)
	if got.status() != overHTTP.status() || got.metadata() != overHTTP.metadata() || !slices.Equal(got.fields(), overHTTP.fields()) {
		h.t.Errorf("%s: %v, but over net/http %v", rule, got, overHTTP)
	}
	return got
}

func (h *harness) ask(rule string, envoy authv3.AuthorizationClient, question *authv3.CheckRequest) answer {
	h.t.Helper()
	response, err := envoy.Check(h.t.Context(), question)
	if err != nil {
		h.t.Fatalf("%s: %v", rule, err)
	}
	if err := response.ValidateAll(); err != nil {
		h.t.Errorf("%s: Envoy refuses the answer: %v", rule, err)
	}
	switch code := codes.Code(response.GetStatus().GetCode()); {
	case response.GetOkResponse() != nil && code == codes.OK:
	case response.GetDeniedResponse() != nil && code == codes.PermissionDenied:
	default:
		h.t.Fatalf("%s: status %v with %v", rule, code, response)
	}
	return answer{response, <-h.exchanges}
}

// askRaw asks with any bytes as a message.
func (h *harness) askRaw(ctx context.Context, message []byte) (*authv3.CheckResponse, error) {
	var encoded []byte
	if err := h.conn.Invoke(ctx, authv3.Authorization_Check_FullMethodName, &message, &encoded, grpc.ForceCodec(rawCodec{})); err != nil {
		return nil, err
	}
	response := &authv3.CheckResponse{}
	return response, proto.Unmarshal(encoded, response)
}

// rawCodec leaves messages as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// answer is an answer of the gateway, and what it has observed.
type answer struct {
	*authv3.CheckResponse
	exchange proxy.Exchange
}

// status returns the status that Envoy responds with, or 0 if it forwards the request.
func (a answer) status() int { return int(a.GetDeniedResponse().GetStatus().GetCode()) }

// metadata returns what Envoy's access log has.
func (a answer) metadata() string {
	fields := a.GetDynamicMetadata().GetFields()
	return fields["verdict"].GetStringValue() + " " + fields["reason"].GetStringValue()
}

// fields returns what Envoy does with the response's header, in order.
func (a answer) fields() []string {
	options := a.GetOkResponse().GetResponseHeadersToAdd()
	if denied := a.GetDeniedResponse(); denied != nil {
		options = denied.GetHeaders()
	}
	signs := map[corev3.HeaderValueOption_HeaderAppendAction]string{
		corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD:    "add ",
		corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD: "set ",
		corev3.HeaderValueOption_OVERWRITE_IF_EXISTS:        "replace ",
	}
	var lines []string
	for _, o := range options {
		lines = append(lines, signs[o.GetAppendAction()]+o.GetHeader().GetKey()+": "+o.GetHeader().GetValue())
	}
	slices.Sort(lines)
	return lines
}

// encoding is how Envoy is configured to send headers.
type encoding string

const (
	merged encoding = "merged" // a map, in which the lines of a name are joined
	raw    encoding = "raw"    // encode_raw_headers
)

func encodings() []encoding { return []encoding{merged, raw} }

// question returns what Envoy asks about a request to acme.example, or to the host of the
// headers, which came on HTTP/1.1 from client.
func (e encoding) question(line string, headers ...string) *authv3.CheckRequest {
	method, target, _ := strings.Cut(line, " ")
	about := &authv3.AttributeContext_HttpRequest{
		Id: "1", Method: method, Path: target, Host: "acme.example", Scheme: "https", Protocol: "HTTP/1.1",
		Headers: map[string]string{}, HeaderMap: &corev3.HeaderMap{},
	}
	var lines []string
	for _, header := range headers {
		if host, found := strings.CutPrefix(header, "Host: "); found {
			about.Host = host
		} else if header != "" {
			lines = append(lines, header)
		}
	}
	for _, header := range append([]string{":authority: " + about.Host, ":method: " + method, ":path: " + target, ":scheme: https", "x-forwarded-proto: https"}, lines...) {
		e.add(about, header)
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:  &authv3.AttributeContext_Peer{Address: socketAddress(client, 50000)},
		Request: &authv3.AttributeContext_Request{Http: about},
	}}
}

// add adds a line as Envoy does.
func (e encoding) add(about *authv3.AttributeContext_HttpRequest, line string) {
	name, value, _ := strings.Cut(line[1:], ":")
	name, value = strings.ToLower(line[:1]+name), strings.TrimSpace(value)
	if e == raw {
		about.HeaderMap.Headers = append(about.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
		return
	}
	if have, found := about.Headers[name]; found {
		value = have + "," + value
	}
	about.Headers[name] = value
}

func socketAddress(address string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
