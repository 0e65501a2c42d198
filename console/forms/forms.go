// Package forms reads the forms of requests, and bounds their memory and time, so that
// no client can delay those of others.
package forms

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"
)

const (
	// short is the length in bytes up to which a form needs no slot. A form with a
	// token is short.
	short = 16 << 10
	// long is the maximum length of a form in bytes: an integration of 1,000 long
	// origins as it was and as it is to be, kept for after a sign-in.
	long = 2 << 20

	// shortTime and longTime are how long a client may take to send a form.
	shortTime = 5 * time.Second
	longTime  = 30 * time.Second
)

// Sender is who sends a form.
type Sender uint8

const (
	// Stranger has never had a session. Its forms are short.
	Stranger Sender = iota
	// Returning is a browser whose session has ended, or a stranger that says so.
	Returning
	// SignedIn has a session.
	SignedIn
)

// Reader reads forms. It may be used concurrently.
type Reader struct{ signedIn, returning *Slots }

// NewReader returns a Reader. A Returning has fewer slots: its form is sent back, and takes
// several times its length meanwhile.
func NewReader() *Reader { return &Reader{signedIn: NewSlots(16, 8), returning: NewSlots(4, 2)} }

// Read reads the form of a client into r.PostForm. The caller calls release when the
// response was sent.
func (f *Reader) Read(w http.ResponseWriter, r *http.Request, from Sender, client netip.Addr) (release func(), refused *Error) {
	length, within, release := int64(short), shortTime, func() {}
	if from != Stranger && (r.ContentLength < 0 || r.ContentLength > short) {
		var ok bool
		if release, ok = f.acquire(r.Context(), from, client); !ok {
			w.Header().Set("Retry-After", "1")
			return nil, &Error{http.StatusServiceUnavailable, "Busy", "Too many long forms are being read. Nothing was changed. Go back, and send yours again."}
		}
		length, within = long, longTime
	}
	if err := read(w, r, length, within); err != nil {
		release()
		return nil, refusal(err)
	}
	return release, nil
}

func (f *Reader) acquire(ctx context.Context, from Sender, client netip.Addr) (release func(), ok bool) {
	if from == SignedIn {
		return f.signedIn.Acquire(ctx, client)
	}
	return f.returning.Acquire(ctx, client)
}

func read(w http.ResponseWriter, r *http.Request, length int64, within time.Duration) error {
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(within))
	defer connection.SetReadDeadline(time.Time{})
	r.Body = http.MaxBytesReader(w, r.Body, length)
	return r.ParseForm()
}

// Skip bounds the time in which the server reads, after the response, the rest of a form
// that nobody reads.
func Skip(w http.ResponseWriter) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(shortTime))
}

// Error says why a form was not read, for people.
type Error struct {
	Status        int
	Title, Detail string
}

func refusal(err error) *Error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &Error{http.StatusRequestEntityTooLarge, "Too large", "The form is too long. Nothing was changed."}
	}
	return &Error{http.StatusBadRequest, "Not understood", "The form could not be read. Nothing was changed."}
}
