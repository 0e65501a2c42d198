package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHead is the largest header in bytes, far more than browsers accept.
const maxHead = 256 << 10

// ProtocolError says what is wrong with a response (RFC 9112), without quoting it.
type ProtocolError struct{ Problem string }

// Error implements error.
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
	status int
	reason string
	minor  int // of HTTP/1
	fields Fields
}

// readFinalHead reads heads up to the final one, or that of a 101, and reports the
// informational ones.
func (t *roundTrip) readFinalHead() (*head, error) {
	if _, err := t.reader.Peek(1); err != nil {
		return nil, t.lostBeforeResponse(err)
	}
	for {
		h := &t.room.head
		*h = head{fields: t.room.fields[:0]}
		err := h.read(t.reader)
		t.room.fields = h.fields
		if err != nil || h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, err
		}
		if t.out.Informational != nil {
			if err := t.out.Informational(h.status, h.fields); err != nil {
				return nil, err
			}
		}
		if h.status == http.StatusContinue { // after it was passed on, so that net/http sends none of its own
			t.upload.proceedNow()
		}
	}
}

// lostBeforeResponse returns the error of a connection on which no response began.
func (t *roundTrip) lostBeforeResponse(err error) error {
	if _, known := err.(*lostError); !known && isLoss(err) {
		return &lostError{err: err}
	}
	return err
}

// read reads a head.
func (h *head) read(from *bufio.Reader) error {
	lines := newLines(from, maxHead)
	line, readErr := lines.next()
	valid := h.parseStatusLine(line)
	switch {
	case readErr != nil && (valid || readErr != io.ErrUnexpectedEOF):
		return readErr
	case !valid: // also of a line that ends early: more bytes would not make it valid
		return errStatusLine
	}
	var err error
	h.fields, err = lines.readFields(h.fields)
	return err
}

// parseStatusLine reads "HTTP/1.x NNN reason" (RFC 9112, section 4), and reports
// whether line is that.
func (h *head) parseStatusLine(line string) bool {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	if len(version) != len("HTTP/1.1") || !strings.HasPrefix(version, "HTTP/1.") || !isDigit(version[7]) ||
		len(code) != 3 || code[0] < '1' || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) {
		return false
	}
	h.status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	h.reason, h.minor = reason, int(version[7]-'0')
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// lines reads the lines of a head. If all of them are in the reader's buffer, they
// are parts of one string.
type lines struct {
	from *bufio.Reader
	left int    // bytes that may still come
	text string // lines that were taken from the buffer
}

func newLines(from *bufio.Reader, limit int) lines {
	l := lines{from: from, left: limit}
	buffered, _ := from.Peek(from.Buffered())
	if end := bytes.Index(buffered, []byte("\n\r\n")); end >= 0 && !bytes.Contains(buffered[:end+1], []byte("\n\n")) {
		l.text = string(buffered[:end+3])
		from.Discard(len(l.text))
	}
	return l
}

// next returns a line without its end. A bare LF ends a line too (RFC 9112, section
// 2.2). With io.ErrUnexpectedEOF it is the part of the line that came.
func (l *lines) next() (string, error) {
	if l.text != "" {
		line, rest, _ := strings.Cut(l.text, "\n")
		l.text = rest
		return strings.TrimSuffix(line, "\r"), nil
	}
	line, err := readLine(l.from, &l.left)
	return string(line), err
}

// readFields appends the fields up to the empty line. It joins folded lines and removes
// white space before a colon, as a proxy has to (RFC 9112, sections 5.1 and 5.2).
func (l *lines) readFields(fields Fields) (Fields, error) {
	for {
		line, err := l.next()
		switch {
		case err != nil:
			return nil, err
		case line == "":
			return fields, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				return nil, errField
			}
			if err := unfold(&fields[len(fields)-1], line); err != nil {
				return nil, err
			}
			continue
		}
		field, ok := cutField(line)
		if !ok {
			return nil, errField
		}
		fields = append(fields, field)
	}
}

// cutField splits a field's line into name and value.
func cutField(line string) (f Field, ok bool) {
	before, after, found := strings.Cut(line, ":")
	f = Field{trimRightBlanks(before), trimBlanks(after)}
	return f, found && httpguts.ValidHeaderFieldName(f.Name) && isValue(f.Value)
}

// trimBlanks removes spaces and tabs around s, and costs less than strings.Trim.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return trimRightBlanks(s)
}

func trimRightBlanks(s string) string {
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// unfold appends a continuation to the value of a field.
func unfold(f *Field, line string) error {
	more := trimBlanks(line)
	if !isValue(more) {
		return errField
	}
	f.Value = strings.Trim(f.Value+" "+more, " ")
	return nil
}

// readLine reads a line without its end. The line is valid until the next read.
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
