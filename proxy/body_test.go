package proxy_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// closedAtItsEnd is a body that net/http has closed by the time that somebody
// asks for more than there was, as it does with the header of a response.
type closedAtItsEnd struct{ ended bool }

func (b *closedAtItsEnd) Read(p []byte) (int, error) {
	if b.ended {
		return 0, errors.New("invalid Read on closed Body")
	}
	b.ended = true
	return copy(p, "body"), io.EOF
}

func (b *closedAtItsEnd) Close() error { return nil }

// The transport asks once more after the last byte, perhaps when the response is
// on its way already. That must not cut it.
func TestGateway_NeedsNothingOfABodyAfterItsEnd(t *testing.T) {
	w := newWorld(t, options{tenant: func(rw http.ResponseWriter, _ *http.Request) {
		io.WriteString(rw, "answer")
	}})
	r := httptest.NewRequest("POST", "/", nil)
	r.Host, r.Body, r.ContentLength = "acme.example", &closedAtItsEnd{}, 4
	answer := httptest.NewRecorder()
	w.proxy.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK || answer.Body.String() != "answer" {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}
