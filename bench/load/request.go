package load

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Request is what is sent, and what the response must be.
type Request struct {
	Method string
	Path   string
	Header []string // lines, without Host and Content-Length
	Body   string
	Status int
	Size   int // of the response's body; -1: any
	// Text is what the response's body has TextCount times, unless it is empty.
	Text      string
	TextCount int
	// ShowsOrigin reports whether the response must have Access-Control-Allow-Origin.
	ShowsOrigin bool
}

// encode returns the bytes of the request for a host.
func (r Request) encode(host string) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Path, host)
	for _, line := range r.Header {
		fmt.Fprintf(&text, "%s\r\n", line)
	}
	if r.Body != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(r.Body))
	}
	fmt.Fprintf(&text, "\r\n%s", r.Body)
	return []byte(text.String())
}

// check reports how the response is not what it must be.
func (r Request) check(response *http.Response, body []byte) error {
	if err := r.checkHead(response); err != nil {
		return fmt.Errorf("%w: %.200s", err, body)
	}
	switch count := bytes.Count(body, []byte(r.Text)); {
	case r.Size >= 0 && len(body) != r.Size:
		return fmt.Errorf("body of %d bytes, want %d", len(body), r.Size)
	case r.Text != "" && count != r.TextCount:
		return fmt.Errorf("body has %s %d times, want %d", r.Text, count, r.TextCount)
	}
	return nil
}

func (r Request) checkHead(response *http.Response) error {
	if response.StatusCode != r.Status {
		return fmt.Errorf("status %d, want %d", response.StatusCode, r.Status)
	}
	if r.ShowsOrigin && response.Header.Get("Access-Control-Allow-Origin") == "" {
		return fmt.Errorf("response without Access-Control-Allow-Origin")
	}
	return nil
}

// probe sends the request once to the last host, checks the response, and returns its
// length in bytes, with its head.
func (t Target) probe() (int, error) {
	c, err := t.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(responseTimeout))
	if _, err := c.Write(t.Request.encode(t.host(t.HostCount - 1))); err != nil {
		return 0, err
	}
	response, body, err := c.readResponse(t.Request.Method)
	if err != nil {
		return 0, fmt.Errorf("reading a response: %w", err)
	}
	return c.read, t.Request.check(response, body)
}
