package wire_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"originwarden/proxy/decide/extauthz/wire"
)

// question returns a message with a value in every field that Envoy may set.
func question() *authv3.CheckRequest {
	peer := func(address string) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{
			Address: socketAddress(address), Service: "s", Labels: map[string]string{"a": "b"}, Principal: "spiffe://a", Certificate: "c",
		}
	}
	metadata := &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"a": {Fields: map[string]*structpb.Value{"b": structpb.NewNumberValue(1)}}}}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: peer("192.0.2.7"), Destination: peer("192.0.2.8"),
		Request: &authv3.AttributeContext_Request{Time: timestamppb.Now(), Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: "POST", Path: "/a?b", Host: "acme.example", Scheme: "https", Query: "q", Fragment: "f", Size: 1 << 40, Protocol: "HTTP/2",
			Headers: map[string]string{":method": "POST", "origin": "https://app.example.com", "empty": ""},
			HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
				{Key: "origin", Value: "https://app.example.com"}, {Key: "Origin", RawValue: []byte("\xff")}, {Key: "empty"}, {Value: "without a name"},
			}},
			Body: "body", RawBody: []byte("\xfe"),
		}},
		ContextExtensions: map[string]string{"a": "b"}, MetadataContext: metadata, RouteMetadataContext: metadata,
		TlsSession: &authv3.AttributeContext_TLSSession{Sni: "acme.example"},
	}}
}

func socketAddress(address string) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1}}}}
}

func TestCheckRequest_HasWhatGeneratedCodeHas(t *testing.T) {
	type attributes = authv3.AttributeContext
	type request = authv3.AttributeContext_HttpRequest
	about := func(change func(*request)) func(*attributes) { return func(a *attributes) { change(a.Request.Http) } }
	for rule, change := range map[string]func(*attributes){
		"everything": func(*attributes) {},
		"nothing":    func(a *attributes) { proto.Reset(a) },
		"a pipe as source": func(a *attributes) {
			a.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/a"}}}
		},
		"no source":             func(a *attributes) { a.Source = nil },
		"no HTTP":               func(a *attributes) { a.Request.Http = nil },
		"HTTP without anything": about(func(r *request) { proto.Reset(r) }),
		"no headers":            about(func(r *request) { r.Headers = nil }),
		"no header_map":         about(func(r *request) { r.HeaderMap = nil }),
		"a header_map of none":  about(func(r *request) { r.HeaderMap = &corev3.HeaderMap{} }),
		"negative size":         about(func(r *request) { r.Size = -1 }),
		"both values in a line": about(func(r *request) { r.HeaderMap.Headers[0].RawValue = []byte("raw") }),
		"more lines than usual": about(func(r *request) { r.HeaderMap.Headers = slices.Repeat(r.HeaderMap.Headers, 20) }),
		"a value of many bytes": about(func(r *request) { r.Headers["cookie"] = strings.Repeat("a", 1<<17) }),
		"bytes beyond ASCII":    about(func(r *request) { r.Path, r.Headers["é"] = "/é", "é" }),
	} {
		asked := question()
		change(asked.Attributes)
		encoded := marshal(t, asked)
		var got wire.CheckRequest
		if err := got.Unmarshal(encoded); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
		clear(encoded)
		if want := generated(asked); !reflect.DeepEqual(sorted(got), want) {
			t.Errorf("%s:\n got %+v\nwant %+v", rule, got, want)
		}
	}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	encoded, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// generated returns what generated code has read, with the map in order.
func generated(asked *authv3.CheckRequest) wire.CheckRequest {
	about := asked.GetAttributes().GetRequest().GetHttp()
	r := wire.CheckRequest{
		Source: asked.GetAttributes().GetSource().GetAddress().GetSocketAddress().GetAddress(), IsHTTP: about != nil,
		Method: about.GetMethod(), Path: about.GetPath(), Host: about.GetHost(), Scheme: about.GetScheme(),
		Query: about.GetQuery(), Fragment: about.GetFragment(), Protocol: about.GetProtocol(), Size: about.GetSize(),
	}
	for _, name := range slices.Sorted(maps.Keys(about.GetHeaders())) {
		r.Headers.Names, r.Headers.Values = append(r.Headers.Names, name), append(r.Headers.Values, about.GetHeaders()[name])
	}
	for _, line := range about.GetHeaderMap().GetHeaders() {
		value := line.GetValue()
		if raw := line.GetRawValue(); len(raw) > 0 {
			r.HeaderMap.Ambiguous = r.HeaderMap.Ambiguous || value != ""
			value = string(raw)
		}
		r.HeaderMap.Names, r.HeaderMap.Values = append(r.HeaderMap.Names, line.GetKey()), append(r.HeaderMap.Values, value)
	}
	return r
}

// sorted returns r with the map in order, and only the last value of a name.
func sorted(r wire.CheckRequest) wire.CheckRequest {
	last := map[string]string{}
	for i, name := range r.Headers.Names {
		last[name] = r.Headers.Values[i]
	}
	r.Headers = wire.Lines{}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		r.Headers.Names, r.Headers.Values = append(r.Headers.Names, name), append(r.Headers.Values, last[name])
	}
	return r
}

// Messages that no encoder makes are read as Protocol Buffers want it.
func TestCheckRequest_ReadsAsProtocolBuffersDo(t *testing.T) {
	nested := func(number protowire.Number, content ...[]byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), slices.Concat(content...))
	}
	text := func(number protowire.Number, s string) []byte { return nested(number, []byte(s)) }
	number := func(number protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 300)
	}
	about := func(fields ...[]byte) []byte { return nested(1, nested(4, nested(2, fields...))) }
	from := func(fields ...[]byte) []byte { return nested(1, nested(1, nested(1, fields...))) }
	group := slices.Concat(protowire.AppendTag(nil, 99, protowire.StartGroupType), text(1, "x"), protowire.AppendTag(nil, 99, protowire.EndGroupType))
	for rule, message := range map[string][]byte{
		"nothing":                        nil,
		"a field twice: the last":        about(text(2, "GET"), text(2, "POST")),
		"a message twice: merged":        slices.Concat(about(text(2, "GET")), about(text(4, "/"))),
		"lines in two messages":          about(nested(13, nested(1, text(1, "a"))), nested(13, nested(1, text(1, "b")))),
		"an entry with fields twice":     about(nested(3, text(1, "a"), text(2, "b"), text(1, "c"), text(2, "d"))),
		"an entry without fields":        about(nested(3)),
		"an entry with more":             about(nested(3, text(1, "a"), text(3, "raw"), number(4))),
		"a name twice":                   about(nested(3, text(1, "a"), text(2, "b")), nested(3, text(1, "a"), text(2, "c"))),
		"unknown fields":                 about(text(99, "x"), number(98), group, protowire.AppendFixed64(protowire.AppendTag(nil, 97, protowire.Fixed64Type), 1), text(2, "GET")),
		"known fields of other types":    about(number(2), number(3), number(13), text(9, "x"), text(2, "GET")),
		"a pipe after a socket":          from(nested(1, text(2, "192.0.2.7")), nested(2, text(1, "/a"))),
		"an internal one after a socket": from(nested(1, text(2, "192.0.2.7")), nested(3)),
		"a socket after a pipe":          from(nested(2, text(1, "/a")), nested(1, text(2, "192.0.2.7"))),
		"a socket after a socket":        from(nested(1, text(2, "192.0.2.7")), nested(1, number(3))),
		"a truncated tag":                {0x80},
		"a truncated length":             {0x0a},
		"a length beyond the message":    {0x0a, 5, 0},
		"a length beyond its message":    nested(1, []byte{0x22, 5, 0}),
		"a varint that is too long":      about([]byte{0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}),
		"the field 0":                    {0x02, 0},
		"the end of a group alone":       protowire.AppendTag(nil, 1, protowire.EndGroupType),
		"a group without an end":         protowire.AppendTag(nil, 99, protowire.StartGroupType),
		"an unknown type":                {0x0e},
		"a method that is not UTF-8":     about(text(2, "\xff")),
		"a name that is not UTF-8":       about(nested(3, text(1, "\xff"))),
		"a value that is not UTF-8":      about(nested(13, nested(1, text(2, "\xff")))),
		"a raw value that is not UTF-8":  about(nested(13, nested(1, text(3, "\xff")))),
		"a source that is not UTF-8":     from(nested(1, text(2, "\xff"))),
	} {
		compare(t, rule, message)
	}
}

// compare compares what is read of a message with what generated code reads.
func compare(t *testing.T, rule string, message []byte) {
	t.Helper()
	asked, got := &authv3.CheckRequest{}, wire.CheckRequest{}
	wantErr, err := proto.Unmarshal(message, asked), got.Unmarshal(message)
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s: error %v, generated code: %v", rule, err, wantErr)
	}
	if want := generated(asked); err == nil && wantErr == nil && !reflect.DeepEqual(sorted(got), want) {
		t.Errorf("%s:\n got %+v\nwant %+v", rule, got, want)
	}
}

func TestCheckRequest_ForgetsWhatWasReadBefore(t *testing.T) {
	var got wire.CheckRequest
	if err := errors.Join(got.Unmarshal(marshal(t, question())), got.Unmarshal(nil)); err != nil || !reflect.DeepEqual(got, wire.CheckRequest{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCheckRequest_LimitsLines(t *testing.T) {
	asked := question()
	about := asked.Attributes.Request.Http
	for i := range 1500 {
		about.Headers[strings.Repeat("a", i)] = ""
		about.HeaderMap.Headers = append(about.HeaderMap.Headers, &corev3.HeaderValue{Key: "a"})
	}
	var got wire.CheckRequest
	if err := got.Unmarshal(marshal(t, asked)); err != nil || len(got.Headers.Names) != wire.MaxLines+1 || len(got.HeaderMap.Values) != wire.MaxLines+1 {
		t.Errorf("%d and %d lines, %v", len(got.Headers.Names), len(got.HeaderMap.Values), err)
	}
}

// What generated code reads of any message is read of it here too.
func FuzzCheckRequest_HasWhatGeneratedCodeHas(f *testing.F) {
	f.Add(marshal(f, question()))
	asked := question()
	asked.Attributes.Request.Http.HeaderMap = nil
	f.Add(marshal(f, asked))
	f.Fuzz(func(t *testing.T, message []byte) {
		asked, got := &authv3.CheckRequest{}, wire.CheckRequest{}
		err := got.Unmarshal(message)
		// Strings that are not used are not checked, which generated code does.
		if len(message) > 64<<10 || proto.Unmarshal(message, asked) != nil {
			return
		}
		if want := generated(asked); err != nil || len(want.HeaderMap.Names) <= wire.MaxLines && len(got.Headers.Names) <= wire.MaxLines && !reflect.DeepEqual(sorted(got), want) {
			t.Errorf("%q: error %v\n got %+v\nwant %+v", message, err, got, want)
		}
	})
}

func BenchmarkCheckRequest(b *testing.B) {
	encoded := marshal(b, question())
	b.Run("here", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r wire.CheckRequest
			if err := r.Unmarshal(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(encoded, &authv3.CheckRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
