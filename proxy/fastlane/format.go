package fastlane

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// AppendStatus appends a status line (RFC 9112, section 4). A reason phrase has no
// control characters, and may be empty.
func AppendStatus(out []byte, status int, reason string) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(out, ' ')
	out = append(out, reason...)
	return append(out, "\r\n"...)
}

// AppendField appends a field line (RFC 9112, section 5). It does not check name and
// value, which must be valid.
func AppendField(out []byte, name, value string) []byte {
	out = append(out, name...)
	out = append(out, ": "...)
	out = append(out, value...)
	return append(out, "\r\n"...)
}

// AppendLength appends a Content-Length (RFC 9110, section 8.6); length is in bytes.
func AppendLength(out []byte, length int64) []byte {
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, length, 10)
	return append(out, "\r\n"...)
}

// AppendPiece appends a piece of a body, as a chunk if chunked (RFC 9112, section 7.1).
// Of an empty piece it appends nothing: an empty chunk would end the body.
func AppendPiece(out, piece []byte, chunked bool) []byte {
	if !chunked || len(piece) == 0 {
		return append(out, piece...)
	}
	out = strconv.AppendInt(out, int64(len(piece)), 16)
	out = append(out, "\r\n"...)
	out = append(out, piece...)
	return append(out, "\r\n"...)
}

// Clock formats the value of Date (RFC 9110, section 6.6.1), once a second. The zero
// Clock is ready. It may be used concurrently.
type Clock struct{ current atomic.Pointer[date] }

type date struct {
	second int64
	text   string
}

// At returns the value of Date for the time t.
func (c *Clock) At(t time.Time) string {
	second := t.Unix()
	if d := c.current.Load(); d != nil && d.second == second {
		return d.text
	}
	d := &date{second, t.UTC().Format(http.TimeFormat)}
	c.current.Store(d)
	return d.text
}
