package tunnel

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"
)

// handshakeTimeout is how long a client may take to receive the response to its
// handshake.
const handshakeTimeout = 5 * time.Second

// CleanHandshake removes from a 101 what concerns the connection to the server, and sets
// what opens a WebSocket.
func CleanHandshake(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Content-Length"} {
		header.Del(name)
	}
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
}

// WriteHandshake sends the response that opens a tunnel.
func WriteHandshake(client net.Conn, header http.Header) error {
	var response bytes.Buffer
	response.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(&response)
	response.WriteString("\r\n")
	client.SetWriteDeadline(time.Now().Add(handshakeTimeout))
	defer client.SetWriteDeadline(time.Time{})
	_, err := response.WriteTo(client)
	return err
}
