package http1

import (
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

// unknownLength is the length of a body that is not said.
const unknownLength = -1

// response returns the answer of a head, with a body that ends the exchange.
func (t *roundTrip) response(h *head) (*http.Response, error) {
	t.exchange.Spelling = h.spelling
	t.personal = t.personal || Authenticates(h.header)
	res := &http.Response{
		Status: strconv.Itoa(h.status) + " " + h.reason, StatusCode: h.status,
		Proto: "HTTP/1." + strconv.Itoa(h.minor), ProtoMajor: 1, ProtoMinor: h.minor,
		Header: h.header, Request: t.exchange.Request,
	}
	if h.status == http.StatusSwitchingProtocols {
		return t.switched(res)
	}
	length, chunked, err := framing(h)
	if err != nil {
		return nil, err
	}
	res.Close = closes(h) || chunked && h.minor == 0
	t.announced = announcedIdle(h.header)
	res.ContentLength = length
	if hasNoBody(t.exchange.Request.Method, h.status) {
		res.Body = http.NoBody
		t.end(!res.Close && !mayFollow(t.exchange.Request.Method, h.status, length, chunked))
		return res, nil
	}
	res.Body = t.body(res, chunked)
	return res, nil
}

// switched makes a connection that speaks another protocol the body of its
// answer.
func (t *roundTrip) switched(res *http.Response) (*http.Response, error) {
	res.ContentLength = unknownLength
	res.Body = &upgraded{roundTrip: t}
	return res, nil
}

// body returns the answer's body, held to its framing.
func (t *roundTrip) body(res *http.Response, chunked bool) io.ReadCloser {
	b := &body{trip: t, keep: !res.Close, length: res.ContentLength}
	t.beforeWait = t.exchange.BeforeWait
	switch {
	case chunked:
		res.TransferEncoding = []string{"chunked"}
		res.Trailer = announcedTrailers(res.Header)
		b.response, b.from = res, httputil.NewChunkedReader(t.reader)
	case res.ContentLength >= 0:
		b.from = io.LimitReader(t.reader, res.ContentLength)
	default:
		b.keep, b.from = false, t.reader
	}
	if b.length == 0 {
		b.finish(true)
	}
	return b
}

// hasNoBody reports whether an answer has none whatever its header says (RFC
// 9112, section 6.3).
func hasNoBody(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// mayFollow reports whether an answer that has no body speaks of one, which some
// servers send then. That of HEAD, and the length in a 304, are those of another
// answer (RFC 9110, section 8.6).
func mayFollow(method string, status int, length int64, chunked bool) bool {
	return method != http.MethodHead && (chunked || length > 0 && status == http.StatusNoContent)
}

// framing tells how the body is delimited, and takes a Transfer-Encoding out of
// the header, which is none of the next connection's business. Chunks count
// before a length, which may not be handed on then (RFC 9112, section 6.3).
func framing(h *head) (length int64, chunked bool, err error) {
	if codings := h.header["Transfer-Encoding"]; codings != nil {
		delete(h.header, "Transfer-Encoding")
		if len(codings) > 1 {
			return 0, false, errCoding
		}
		if !strings.EqualFold(codings[0], "identity") {
			if !strings.EqualFold(codings[0], "chunked") {
				return 0, false, errCoding
			}
			delete(h.header, "Content-Length")
			return unknownLength, true, nil
		}
	}
	length, err = contentLength(h.header)
	return length, false, err
}

// contentLength returns the length that header says, or unknownLength. The same
// length said several times is said once (RFC 9110, section 8.6).
func contentLength(header http.Header) (int64, error) {
	lines := header["Content-Length"]
	if len(lines) == 0 {
		return unknownLength, nil
	}
	first, _, _ := strings.Cut(lines[0], ",")
	first = strings.Trim(first, " \t")
	for _, line := range lines {
		for other := range strings.SplitSeq(line, ",") {
			if strings.Trim(other, " \t") != first {
				return 0, errLength
			}
		}
	}
	n, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, errLength
	}
	header["Content-Length"] = []string{first}
	return int64(n), nil
}

// closes reports whether the server ends the connection with the answer.
func closes(h *head) bool {
	if HasToken(h.header["Connection"], "close") {
		return true
	}
	return h.minor == 0 && !HasToken(h.header["Connection"], "keep-alive")
}

// announcedIdle is what Keep-Alive says about the time that a server keeps an idle
// connection, or 0.
func announcedIdle(header http.Header) time.Duration {
	for _, line := range header["Keep-Alive"] {
		for parameter := range strings.SplitSeq(line, ",") {
			seconds, ok := strings.CutPrefix(strings.Trim(parameter, " \t"), "timeout=")
			if n, err := strconv.ParseUint(seconds, 10, 16); ok && err == nil {
				return time.Duration(n) * time.Second
			}
		}
	}
	return 0
}

// announcedTrailers takes the Trailer line out of header and returns its names
// without values, as http.Response has them.
func announcedTrailers(header http.Header) http.Header {
	lines := header["Trailer"]
	delete(header, "Trailer")
	var trailer http.Header
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = http.CanonicalHeaderKey(strings.Trim(name, " \t")); mayTrail(name) {
				if trailer == nil {
					trailer = http.Header{}
				}
				trailer[name] = nil
			}
		}
	}
	return trailer
}

// mayTrail reports whether a field may stand in a trailer: not what delimits
// messages (RFC 9110, section 6.5.1).
func mayTrail(name string) bool {
	switch name {
	case "Transfer-Encoding", "Content-Length", "Trailer":
		return false
	}
	return IsToken(name)
}

// HasToken reports whether the comma-separated lines have token, in any case.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(element, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// body is the body of an answer. It is read by one goroutine at a time.
type body struct {
	trip     *roundTrip
	from     io.Reader
	keep     bool           // the connection outlasts the answer
	length   int64          // bytes still to come; negative is unknown
	response *http.Response // of chunks, which end with its trailer
	err      error          // of all reads to come
	finished sync.Once
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if b.length >= 0 {
		if b.length -= int64(n); b.length == 0 {
			err = io.EOF
		} else if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	if err == io.EOF && b.response != nil {
		err = b.readTrailer()
	}
	if err != nil {
		b.fail(err)
	}
	return n, b.err
}

// fail ends the reading: at the end of the body, or before it.
func (b *body) fail(err error) {
	if b.finish(err == io.EOF); err != io.EOF {
		err = b.trip.explain(b.explain(err))
	}
	b.err = err
}

// explain hides what httputil quotes of a chunk that it cannot read.
func (b *body) explain(err error) error {
	if b.response == nil || err == io.ErrUnexpectedEOF || isLoss(err) {
		return err
	}
	if _, isNet := err.(interface{ Timeout() bool }); isNet {
		return err
	}
	return errChunk
}

// readTrailer reads the fields behind the last chunk.
func (b *body) readTrailer() error {
	left := maxHead
	trailer, _, err := readFields(b.trip.reader, &left)
	if err != nil {
		return err
	}
	for name, values := range trailer {
		if !mayTrail(name) {
			continue
		}
		if b.response.Trailer == nil {
			b.response.Trailer = http.Header{}
		}
		b.response.Trailer[name] = values
	}
	return io.EOF
}

func (b *body) finish(whole bool) {
	b.finished.Do(func() { b.trip.end(whole && b.keep) })
}

// Close implements io.Closer. What has not been read of the body ends the
// connection.
func (b *body) Close() error {
	b.finish(false)
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return nil
}

// upgraded is a connection after a 101.
type upgraded struct {
	*roundTrip
	closed sync.Once
}

// Read returns first what came with the answer.
func (u *upgraded) Read(p []byte) (int, error) { return u.reader.Read(p) }

// CloseWrite ends the direction to the server.
func (u *upgraded) CloseWrite() error {
	half, ok := u.Conn.(interface{ CloseWrite() error })
	if !ok {
		return io.ErrClosedPipe
	}
	return half.CloseWrite()
}

// Close implements io.Closer.
func (u *upgraded) Close() (err error) {
	u.closed.Do(func() {
		u.unwatch()
		err = u.conn.Close()
	})
	return err
}
