package http1

import (
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"originwarden/proxy/fields"

	"golang.org/x/net/http/httpguts"
)

// unknownLength is the length of a body whose end is not announced.
const unknownLength = -1

// Response is a final response, or a 101, as the server has sent it (RFC 9112). One
// goroutine uses it at a time.
type Response struct {
	Status int    // 101, or 200 to 999
	Reason string // may be empty, or have control characters; see ReasonPhrase
	Minor  int    // of the version, which is 1.x
	// Fields are all of the header.
	Fields Fields
	// Length is the announced length of the body in bytes; negative is none. Chunked
	// says that the body came in chunks, which override a length (RFC 9112, section 6.3).
	Length  int64
	Chunked bool
	// Close says that the server ends the connection with the response.
	Close bool
	// Body is the body without its chunks, http.NoBody if the response has none. It ends
	// with io.EOF only if it is complete, otherwise with an error like those of
	// Pool.Send, or io.ErrUnexpectedEOF. It has to be closed: the connection is kept for
	// other requests if the body was read to its end, and closed otherwise.
	Body io.ReadCloser
	// Trailer are the fields after the last chunk, when Body has ended with io.EOF.
	// Those that delimit messages are left out (RFC 9110, section 6.5.1).
	Trailer Fields
}

// ReasonPhrase returns the server's reason phrase, or that of http.StatusText if it has
// control characters, which cannot be sent (RFC 9112, section 4). It may be empty.
func (r *Response) ReasonPhrase() string {
	if strings.ContainsFunc(r.Reason, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return http.StatusText(r.Status)
	}
	return r.Reason
}

// response returns the response of a head, with a body that ends the exchange.
func (t *roundTrip) response(h *head) (*Response, error) {
	t.personal = t.personal || fields.Authenticates(h.fields)
	res := &t.room.response
	*res = Response{Status: h.status, Reason: h.reason, Minor: h.minor, Fields: h.fields}
	if h.status == http.StatusSwitchingProtocols {
		t.stopWatch()
		t.out.Canceler.set(nil)
		t.setWatch(nil)
		res.Length, res.Body = unknownLength, &upgraded{conn: t.conn}
		return res, nil
	}
	if err := res.readFraming(); err != nil {
		return nil, err
	}
	t.announced = announcedIdle(h.fields.Values("Keep-Alive"))
	if hasNoBody(t.out.Method, h.status) {
		res.Body = http.NoBody
		t.end(!res.Close && !res.announcesForbiddenBody(t.out.Method))
		return res, nil
	}
	res.Body = t.body(res)
	return res, nil
}

// body returns the response's body, delimited by its framing.
func (t *roundTrip) body(res *Response) io.ReadCloser {
	b := &t.room.body
	*b = body{trip: t, keep: !res.Close, length: res.Length}
	t.beforeWait = t.out.BeforeWait
	switch {
	case res.Chunked:
		b.response, b.from = res, httputil.NewChunkedReader(t.reader)
	case res.Length >= 0:
		t.room.limited = io.LimitedReader{R: t.reader, N: res.Length}
		b.from = &t.room.limited
	default:
		b.keep, b.from = false, t.reader
	}
	if b.length == 0 {
		b.finish(true)
	}
	return b
}

// hasNoBody reports whether a response has none whatever its header says (RFC
// 9112, section 6.3).
func hasNoBody(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// announcesForbiddenBody reports whether a response that must not have a body
// announces one, which the server may then send. The length in a response to HEAD,
// or in a 304, is that of another response (RFC 9110, section 8.6).
func (r *Response) announcesForbiddenBody(method string) bool {
	return method != http.MethodHead && (r.Chunked || r.Length > 0 && r.Status == http.StatusNoContent)
}

// readFraming reads how the body is delimited, and whether the connection is kept.
func (r *Response) readFraming() (err error) {
	var room [2]string
	switch codings := r.Fields.AppendValues(room[:0], "Transfer-Encoding"); {
	case len(codings) == 0, len(codings) == 1 && strings.EqualFold(codings[0], "identity"):
		r.Length, err = contentLength(r.Fields.AppendValues(room[:0], "Content-Length"))
	case len(codings) == 1 && strings.EqualFold(codings[0], "chunked"):
		r.Length, r.Chunked = unknownLength, true
	default:
		err = errCoding
	}
	connection := r.Fields.AppendValues(room[:0], "Connection")
	r.Close = httpguts.HeaderValuesContainsToken(connection, "close") || r.Minor == 0 && (r.Chunked || !httpguts.HeaderValuesContainsToken(connection, "keep-alive"))
	return err
}

// contentLength returns the length in lines, or unknownLength. A length that is
// repeated counts once (RFC 9110, section 8.6).
func contentLength(lines []string) (int64, error) {
	if len(lines) == 0 {
		return unknownLength, nil
	}
	first, _, several := strings.Cut(lines[0], ",")
	first = trimBlanks(first)
	n, err := strconv.ParseUint(first, 10, 63)
	if err != nil || (several || len(lines) > 1) && !repeats(lines, first) {
		return 0, errLength
	}
	return int64(n), nil
}

// repeats reports whether every member of the lists in lines is value.
func repeats(lines []string, value string) bool {
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			if trimBlanks(member) != value {
				return false
			}
		}
	}
	return true
}

// announcedIdle returns how long the server keeps an idle connection, as the lines
// of Keep-Alive say, or 0.
func announcedIdle(lines []string) time.Duration {
	for _, line := range lines {
		for parameter := range strings.SplitSeq(line, ",") {
			seconds, ok := strings.CutPrefix(trimBlanks(parameter), "timeout=")
			if n, err := strconv.ParseUint(seconds, 10, 16); ok && err == nil {
				return time.Duration(n) * time.Second
			}
		}
	}
	return 0
}
