package downstream_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
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

// silentBody is a body that sends nothing until the deadline of the read.
type silentBody struct {
	io.ReadCloser
	due chan struct{}
}

func (b *silentBody) Read([]byte) (int, error) {
	<-b.due
	return 0, os.ErrDeadlineExceeded
}

// interruptible is a response whose deadlines in the past end the read of a silentBody.
type interruptible struct {
	*httptest.ResponseRecorder
	due chan struct{}
}

func (r interruptible) SetReadDeadline(deadline time.Time) error {
	if !deadline.IsZero() && deadline.Before(time.Now()) {
		close(r.due)
	}
	return nil
}

func TestBody_HasNotStalledIfInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due := make(chan struct{})
		b := downstream.NewBody(&silentBody{due: due}, http.NewResponseController(interruptible{httptest.NewRecorder(), due}), 0, time.Hour)
		go b.Read(make([]byte, 1))
		synctest.Wait()
		b.Interrupt()
		if b.IsStalled() {
			t.Error("an interrupted body counts as stalled")
		}
	})
}
