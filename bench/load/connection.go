package load

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// connection is a client's connection to a proxy.
type connection struct {
	net.Conn
	reader *bufio.Reader
	read   int // bytes
}

const responseTimeout = 10 * time.Second

func (t Target) dial() (*connection, error) {
	conn, err := net.DialTimeout("tcp", t.Address, responseTimeout)
	if err != nil {
		return nil, err
	}
	if t.TLS {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: t.host(0), NextProtos: []string{"http/1.1"}})
	}
	c := &connection{Conn: conn}
	c.reader = bufio.NewReaderSize(c, 4096)
	return c, nil
}

// Read counts what it reads.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// sendFirst sends the first request of a connection, and checks the head of the response,
// whose body remains unread.
func (c *connection) sendFirst(t Target) (*http.Response, error) {
	if _, err := c.Write(t.Request.encode(t.host(0))); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: t.Request.Method})
	if err != nil {
		return nil, err
	}
	return response, t.Request.checkHead(response)
}

// readResponse reads a response and its body.
func (c *connection) readResponse(method string) (*http.Response, []byte, error) {
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}
