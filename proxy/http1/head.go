package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHead is the largest header in bytes, far more than browsers accept.
const maxHead = 256 << 10

// ProtocolError says what is wrong with a response, without quoting it.
type ProtocolError struct{ Problem string }

func (e *ProtocolError) Error() string { return "malformed response: " + e.Problem }

var (
	errStatusLine = &ProtocolError{"invalid status line"}
	errField      = &ProtocolError{"invalid header field"}
	errHeadSize   = &ProtocolError{"header too large"}
	errLength     = &ProtocolError{"invalid Content-Length"}
	errCoding     = &ProtocolError{"unsupported Transfer-Encoding"}
	errChunk      = &ProtocolError{"invalid chunk"}
)

// head is the status line and the header of a response.
type head struct {
	status   int
	reason   string
	minor    int // of HTTP/1
	header   http.Header
	spelling Spelling
}

// readFinalHead reads heads up to the final one, or that of a 101, and reports the
// informational ones.
func (t *roundTrip) readFinalHead() (*head, error) {
	if _, err := t.reader.Peek(1); err != nil {
		return nil, t.lostBeforeResponse(err)
	}
	trace := httptrace.ContextClientTrace(t.call.Request.Context())
	for {
		left := maxHead
		h, err := readHead(t.reader, &left)
		if err != nil || h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, err
		}
		if h.status == http.StatusContinue {
			t.upload.proceedNow()
		}
		if trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(h.status, textproto.MIMEHeader(h.header)); err != nil {
				return nil, err
			}
		}
	}
}

// lostBeforeResponse returns the error of a connection on which no response began.
func (t *roundTrip) lostBeforeResponse(err error) error {
	if isLoss(err) {
		return &lostError{err: err}
	}
	return err
}

// readHead reads a head of left bytes at most, and subtracts what it read.
func readHead(from *bufio.Reader, left *int) (*head, error) {
	line, readErr := readLine(from, left)
	h, err := parseStatusLine(string(line))
	switch {
	case readErr != nil && (err == nil || readErr != io.ErrUnexpectedEOF):
		return nil, readErr
	case err != nil: // also of a line that ends early: more bytes would not make it valid
		return nil, err
	}
	h.header, h.spelling, err = readFields(from, left)
	return h, err
}

// parseStatusLine reads "HTTP/1.x NNN reason" (RFC 9112, section 4).
func parseStatusLine(line string) (*head, error) {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	if len(version) != len("HTTP/1.1") || !strings.HasPrefix(version, "HTTP/1.") || !isDigit(version[7]) ||
		len(code) != 3 || code[0] < '1' || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) {
		return nil, errStatusLine
	}
	return &head{
		status: int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0'),
		reason: reason,
		minor:  int(version[7] - '0'),
	}, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// readFields reads fields up to the empty line. It joins folded lines and removes
// white space before a colon, as a proxy has to (RFC 9112, sections 5.1 and 5.2).
func readFields(from *bufio.Reader, left *int) (http.Header, Spelling, error) {
	header := make(http.Header, 16)
	var spelling Spelling
	last := ""
	for {
		line, err := readLine(from, left)
		switch {
		case err != nil:
			return nil, nil, err
		case len(line) == 0:
			return header, spelling, nil
		case line[0] == ' ' || line[0] == '\t':
			values := header[last]
			if len(values) == 0 {
				return nil, nil, errField
			}
			if err := unfold(values, line); err != nil {
				return nil, nil, err
			}
			continue
		}
		name, value, ok := cutField(line)
		if !ok {
			return nil, nil, errField
		}
		last = http.CanonicalHeaderKey(name)
		if last != name && header[last] == nil { // the first spelling counts
			spelling = append(spelling, spelled{last, name})
		}
		header[last] = append(header[last], value)
	}
}

// cutField splits a field's line into name and value.
func cutField(line []byte) (name, value string, ok bool) {
	before, after, found := bytes.Cut(line, []byte{':'})
	name, value = string(bytes.TrimRight(before, " \t")), string(bytes.Trim(after, " \t"))
	return name, value, found && httpguts.ValidHeaderFieldName(name) && isValue(value)
}

// unfold appends a continuation to the last of values.
func unfold(values []string, line []byte) error {
	more := string(bytes.Trim(line, " \t"))
	if !isValue(more) {
		return errField
	}
	last := &values[len(values)-1]
	*last = strings.Trim(*last+" "+more, " ")
	return nil
}

// readLine reads a line without its end. A bare LF ends a line too (RFC 9112,
// section 2.2). The line is valid until the next read. With io.ErrUnexpectedEOF it
// is the part of the line that came.
func readLine(from *bufio.Reader, left *int) ([]byte, error) {
	line, err := from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = readLongLine(from, line, *left)
	}
	if *left -= len(line); *left < 0 {
		return nil, errHeadSize
	}
	switch {
	case err == io.EOF:
		return line, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// readLongLine reads the rest of a line for which the reader's buffer is too small.
func readLongLine(from *bufio.Reader, line []byte, limit int) ([]byte, error) {
	long := bytes.Clone(line)
	for {
		more, err := from.ReadSlice('\n')
		if long = append(long, more...); len(long) > limit {
			return long, nil // the caller sees that it is too long
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return long, err
		}
	}
}
