package decide_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"originwarden/proxy"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/decidetest"
	"originwarden/proxy/downstream"
	"originwarden/proxy/fastlane"
)

// preflight is what is asked about, and what the gateway in the path answers.
func preflight() decidetest.Request {
	return decidetest.Request{Method: "OPTIONS", Target: "/orders", Host: "acme.example", Header: []decidetest.Field{
		{Name: "Origin", Value: decidetest.Listed}, {Name: "Access-Control-Request-Method", Value: "PUT"},
		{Name: "Access-Control-Request-Headers", Value: "content-type,qlik-csrf-token"},
		{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
	}}
}

// BenchmarkHandler_Question compares a question, in each dialect, with a preflight that
// the gateway answers in the path, on kept connections. The client's part is in both.
func BenchmarkHandler_Question(b *testing.B) {
	g := decidetest.Decisions(proxy.Enforce).Start(b, func(c *proxy.Config) { c.OnEnd = nil })
	b.Run("path", func(b *testing.B) { benchSend(b, serveFast(b, g), inPath(preflight())) })
	for name, dialect := range dialects() {
		b.Run(name, func(b *testing.B) {
			benchSend(b, openDoor(b, g, dialect).address, question(dialect, preflight()))
		})
	}
}

// serveFast serves the gateway in the path, by both lanes, and returns its address.
func serveFast(b *testing.B, g *decidetest.Gateway) string {
	b.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	l := fastlane.NewListener(ctx, downstream.NewListener(inner, 0, nil, true, nil), nil, g, fastlane.Settings{})
	server := &http.Server{Handler: g, ConnContext: downstream.ConnContext}
	go server.Serve(l)
	b.Cleanup(func() {
		stop()
		server.Close()
		l.CloseAll()
	})
	return inner.Addr().String()
}

func benchSend(b *testing.B, address, raw string) {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	text, answer := []byte(raw), make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		conn.Write(text)
		if n, err := conn.Read(answer); err != nil || n < 20 || string(answer[9:12]) != "204" {
			b.Fatalf("%q, %v", answer[:n], err)
		}
	}
}

// BenchmarkHandler_Read is the part of a question that this package adds to net/http and
// the decision.
func BenchmarkHandler_Read(b *testing.B) {
	g := decidetest.Decisions(proxy.Enforce).Start(b, func(c *proxy.Config) { c.OnEnd = nil })
	h := decide.New(decide.Config{Decider: g}, decide.Nginx)
	r, err := http.NewRequest("GET", decide.Path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RequestURI = decide.Path
	for _, f := range preflight().Header {
		r.Header.Add(f.Name, f.Value)
	}
	for name, value := range map[string]string{"Method": "OPTIONS", "Host": "acme.example", "Uri": "/orders", "Proto": "https", "Address": client} {
		r.Header.Set("X-Original-"+name, value)
	}
	w := &discardWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

// discardWriter discards a response.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header       { return w.header }
func (*discardWriter) WriteHeader(int)             {}
func (*discardWriter) Write(p []byte) (int, error) { return len(p), nil }
