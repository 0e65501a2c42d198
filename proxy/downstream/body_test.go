package downstream_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"originwarden/proxy/downstream"
)

// withDeadlines is a response whose request has deadlines, which its body observes itself.
type withDeadlines struct{ *httptest.ResponseRecorder }

func (withDeadlines) SetReadDeadline(time.Time) error { return nil }

// lateBody is a body whose read runs out of time just before the response makes progress.
type lateBody struct {
	io.ReadCloser
	extend func()
}

func (b *lateBody) Read([]byte) (int, error) {
	b.extend()
	return 0, os.ErrDeadlineExceeded
}

func TestBody_HasStalledAlthoughItWasExtendedTooLate(t *testing.T) {
	late := &lateBody{}
	b := downstream.NewBody(late, http.NewResponseController(withDeadlines{httptest.NewRecorder()}), 0, time.Hour)
	late.extend = b.Extend
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, downstream.ErrStalled) || !b.IsStalled() {
		t.Errorf("error %v, stalled %v; want ErrStalled, and true", err, b.IsStalled())
	}
}
