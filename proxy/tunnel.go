package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// closeGrace is how long one direction of a tunnel may go on after the other
// has ended.
const closeGrace = 5 * time.Second

// tunnel joins the client's connection with the tenant's after a WebSocket
// handshake and returns when both have ended. Its error is errTunnelled once
// the client's connection is taken over; before that the tenant's answer can
// still be refused.
func (x *exchange) tunnel(res *http.Response) error {
	backend, ok := res.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return errWrongProto
	}
	client, buffered, err := http.NewResponseController(x.answer.ResponseWriter).Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	x.answer.status = http.StatusSwitchingProtocols
	x.dressHandshake(res)
	if err := writeHandshake(buffered.Writer, res.Header); err != nil {
		x.Cut = true
		return errTunnelled
	}
	// What came with the handshake is in the reader's buffer.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	x.answer.sent = relay(client, io.MultiReader(strings.NewReader(string(early)), client), backend)
	return errTunnelled
}

// dressHandshake leaves of the tenant's 101 what is meant for the client. A
// handshake is no CORS request, so it gets no CORS headers of ours.
func (x *exchange) dressHandshake(res *http.Response) {
	header := res.Header
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Content-Length"} {
		header.Del(name)
	}
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	if x.answer.dress != untouched {
		stripCORS(header)
		x.answer.mergeVary(header)
	}
}

func writeHandshake(w interface {
	io.Writer
	Flush() error
}, header http.Header) error {
	io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(w)
	io.WriteString(w, "\r\n")
	return w.Flush()
}

// relay copies both ways until both have ended, and returns how much the
// backend sent. When one has ended the other may go on for closeGrace. It never
// looks at frames.
func relay(client net.Conn, fromClient io.Reader, backend io.ReadWriteCloser) (sent int64) {
	closeBoth := func() {
		client.Close()
		backend.Close()
	}
	var grace *time.Timer
	var once sync.Once
	end := func(peer any) {
		once.Do(func() { grace = time.AfterFunc(closeGrace, closeBoth) })
		if half, ok := peer.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			closeBoth()
		}
	}
	var toBackend sync.WaitGroup
	toBackend.Go(func() {
		io.Copy(backend, fromClient)
		end(backend)
	})
	sent, _ = io.Copy(client, backend)
	end(client)
	toBackend.Wait()
	grace.Stop()
	return sent
}
