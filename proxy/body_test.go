package proxy_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// closedAfterEOF is a request body that is closed once it was read to the end, as
// net/http does when it writes the response header.
type closedAfterEOF struct{ ended bool }

func (b *closedAfterEOF) Read(p []byte) (int, error) {
	if b.ended {
		return 0, errors.New("invalid Read on closed Body")
	}
	b.ended = true
	return copy(p, "body"), io.EOF
}

func (b *closedAfterEOF) Close() error { return nil }

// The transport reads a body once more after the last byte, perhaps when the
// response is already being sent. An error of that read must not abort the response.
func TestGateway_IgnoresReadErrorAfterEndOfBody(t *testing.T) {
	h := newHarness(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
		io.WriteString(rw, "answer")
	}})
	r := httptest.NewRequest("POST", "/", nil)
	r.Host, r.Body, r.ContentLength = "acme.example", &closedAfterEOF{}, 4
	recorder := httptest.NewRecorder()
	h.proxy.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusOK || recorder.Body.String() != "answer" {
		t.Errorf("status %d, body %q; want 200, %q", recorder.Code, recorder.Body, "answer")
	}
}
