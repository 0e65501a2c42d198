package demux_test

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"originwarden/proxy/decide"
	"originwarden/proxy/decide/demux"
	"originwarden/proxy/downstream"
)

// Whatever a client sends before it ends, its connection ends, and others are served.
func FuzzServer_EndsConnections(f *testing.F) {
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	f.Add([]byte(settings+"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x82"), uint8(7))
	f.Add([]byte("\x00\x00\x00\x04\x01\x00\x00\x00\x00"+settings), uint8(1))
	f.Add(append([]byte(settings+"\x00\x00\x53\x01\x05\x00\x00\x00\x01"), encode(askHealth)...), uint8(100))
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	newCalls := func() *grpc.Server { return grpc.NewServer() }
	server := &demux.Server{HTTP: newHTTPServer(nil, newCalls()), NewGRPC: newCalls, IsCall: decide.IsCall}
	go server.Serve(downstream.NewListener(inner, 0, nil, true, nil))
	defer server.Close()
	f.Fuzz(func(t *testing.T, sent []byte, piece uint8) {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, http2.ClientPreface)
		for size := int(piece) + 1; len(sent) > 0; sent = sent[min(size, len(sent)):] {
			conn.Write(sent[:min(size, len(sent))])
		}
		conn.(*net.TCPConn).CloseWrite()
		_, err = io.Copy(io.Discard, conn)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Fatal("the connection stays open")
		}
	})
}
