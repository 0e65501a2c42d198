package http1

import (
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// unknownLength is the length of a body whose end is not announced.
const unknownLength = -1

// response returns the response of a head, with a body that ends the exchange.
func (t *roundTrip) response(h *head) (*http.Response, error) {
	t.call.Spelling = h.spelling
	t.personal = t.personal || Authenticates(h.header)
	res := &http.Response{
		Status: strconv.Itoa(h.status) + " " + h.reason, StatusCode: h.status,
		Proto: "HTTP/1." + strconv.Itoa(h.minor), ProtoMajor: 1, ProtoMinor: h.minor,
		Header: h.header, Request: t.call.Request,
	}
	if h.status == http.StatusSwitchingProtocols {
		res.ContentLength, res.Body = unknownLength, &upgraded{roundTrip: t}
		return res, nil
	}
	length, chunked, err := framing(h)
	if err != nil {
		return nil, err
	}
	res.Close = closesConnection(h) || chunked && h.minor == 0
	t.announced = announcedIdle(h.header)
	res.ContentLength = length
	if hasNoBody(t.call.Request.Method, h.status) {
		res.Body = http.NoBody
		t.end(!res.Close && !announcesForbiddenBody(t.call.Request.Method, h.status, length, chunked))
		return res, nil
	}
	res.Body = t.body(res, chunked)
	return res, nil
}

// body returns the response's body, delimited by its framing.
func (t *roundTrip) body(res *http.Response, chunked bool) io.ReadCloser {
	b := &body{trip: t, keep: !res.Close, length: res.ContentLength}
	t.beforeWait = t.call.BeforeWait
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

// hasNoBody reports whether a response has none whatever its header says (RFC
// 9112, section 6.3).
func hasNoBody(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// announcesForbiddenBody reports whether a response that must not have a body announces
// one, which the server may then send. The length in a response to HEAD, or in a 304,
// is that of another response (RFC 9110, section 8.6).
func announcesForbiddenBody(method string, status int, length int64, chunked bool) bool {
	return method != http.MethodHead && (chunked || length > 0 && status == http.StatusNoContent)
}

// framing returns how the body is delimited, and removes Transfer-Encoding from
// the header, because it does not concern the next connection. Chunks override a
// length, which must not be forwarded then (RFC 9112, section 6.3).
func framing(h *head) (length int64, chunked bool, err error) {
	codings := h.header["Transfer-Encoding"]
	delete(h.header, "Transfer-Encoding")
	switch {
	case len(codings) == 0, len(codings) == 1 && strings.EqualFold(codings[0], "identity"):
		length, err = contentLength(h.header)
		return length, false, err
	case len(codings) == 1 && strings.EqualFold(codings[0], "chunked"):
		delete(h.header, "Content-Length")
		return unknownLength, true, nil
	}
	return 0, false, errCoding
}

// contentLength returns the length in header, or unknownLength. A length that is
// repeated counts once (RFC 9110, section 8.6).
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

// closesConnection reports whether the server ends the connection with the response.
func closesConnection(h *head) bool {
	if httpguts.HeaderValuesContainsToken(h.header["Connection"], "close") {
		return true
	}
	return h.minor == 0 && !httpguts.HeaderValuesContainsToken(h.header["Connection"], "keep-alive")
}

// announcedIdle returns how long the server keeps an idle connection, as Keep-Alive
// says, or 0.
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

// announcedTrailers removes the Trailer line from header and returns its names
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

// mayTrail reports whether a trailer may have a field: not one that delimits messages
// (RFC 9110, section 6.5.1).
func mayTrail(name string) bool {
	return name != "Transfer-Encoding" && name != "Content-Length" && name != "Trailer" && httpguts.ValidHeaderFieldName(name)
}
