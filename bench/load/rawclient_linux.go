package load

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// rawClient is a client with a socket that the runtime does not know.
type rawClient struct {
	socket  int
	request Request
	encoded []byte
	start   time.Time // of the latency
	read    []byte    // of the response
}

// dialRaw connects a client, whose requests have a host of their own.
func dialRaw(t Target, i int) (*rawClient, error) {
	address, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return nil, err
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &rawClient{socket: socket, request: t.Request, encoded: t.Request.encode(t.host(i))}
	c.read = make([]byte, 0, max(t.Request.Size, 0)+8<<10)
	err = syscall.Connect(socket, &syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()})
	if err == nil {
		err = syscall.SetsockoptInt(socket, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err == nil {
		err = syscall.SetNonblock(socket, true)
	}
	if err != nil {
		syscall.Close(socket)
		return nil, fmt.Errorf("connecting to %s: %w", t.Address, err)
	}
	return c, nil
}

func (c *rawClient) send() error {
	n, err := syscall.Write(c.socket, c.encoded)
	if err == nil && n < len(c.encoded) {
		err = io.ErrShortWrite
	}
	return err
}

// receive reads what has arrived of the response, and reports whether it is complete.
func (c *rawClient) receive() (complete bool, err error) {
	n, err := syscall.Read(c.socket, c.read[len(c.read):cap(c.read)])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	c.read = c.read[:len(c.read)+n]
	head, body, found := bytes.Cut(c.read, []byte("\r\n\r\n"))
	if !found {
		return false, nil
	}
	size, err := c.checkHead(head)
	if err != nil || len(body) < size {
		return false, err
	}
	if len(body) > size {
		return false, fmt.Errorf("%d bytes after the response", len(body)-size)
	}
	c.read = c.read[:0]
	return true, nil
}

// checkHead checks the status code and the length of the body, which it returns.
func (c *rawClient) checkHead(head []byte) (size int, err error) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || !bytes.HasPrefix(line[9:], strconv.AppendInt(nil, int64(c.request.Status), 10)) {
		return 0, fmt.Errorf("status line %q, want status %d", line, c.request.Status)
	}
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.EqualFold(name, []byte("Content-Length")) {
			continue
		}
		size, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if err == nil && c.request.Size >= 0 && size != c.request.Size {
			err = fmt.Errorf("body of %d bytes, want %d", size, c.request.Size)
		}
		return size, err
	}
	return 0, fmt.Errorf("response without Content-Length: %q", head)
}
