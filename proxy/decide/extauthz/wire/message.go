package wire

import (
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Wire types of fields: a number, and what has a length (a string, bytes or a message).
const (
	varint    = uint64(protowire.VarintType)
	delimited = uint64(protowire.BytesType)
)

var errUTF8 = errors.New("a string is not UTF-8")

// message is a message that is being read, field by field. It is there twice, as bytes and
// as text: strings that are part of the text need no memory of their own.
type message struct {
	rest     []byte // that was not read
	restText string // the same
	err      *error // the first one, of a message and of all within it
	field
}

// field is a field of a message.
type field struct {
	// tag is the number << 3 | the type. A field that has another type than it should have
	// is one that is not known.
	tag    uint64
	value  []byte // of one that is delimited
	text   string // the same
	number uint64 // of one that is a varint
}

// next reads the next field, if there is one and no error yet.
func (m *message) next() bool {
	if len(m.rest) == 0 || *m.err != nil {
		return false
	}
	number, kind, n := protowire.ConsumeTag(m.rest)
	if n < 0 {
		return m.fail(protowire.ParseError(n))
	}
	m.skip(n)
	m.field = field{tag: protowire.EncodeTag(number, kind)}
	switch kind {
	case protowire.BytesType:
		if m.value, n = protowire.ConsumeBytes(m.rest); n >= 0 {
			m.text = m.restText[n-len(m.value) : n]
		}
	case protowire.VarintType:
		m.number, n = protowire.ConsumeVarint(m.rest)
	default:
		n = protowire.ConsumeFieldValue(number, kind, m.rest)
	}
	if n < 0 {
		return m.fail(protowire.ParseError(n))
	}
	m.skip(n)
	return true
}

func (m *message) skip(n int) { m.rest, m.restText = m.rest[n:], m.restText[n:] }

func (m *message) fail(err error) bool {
	*m.err = err
	return false
}

// open returns the field as a message.
func (m *message) open() message {
	return message{rest: m.value, restText: m.text, err: m.err}
}

// string returns the field as a string, which has to be UTF-8.
func (m *message) string() string {
	if !utf8.Valid(m.value) {
		m.fail(errUTF8)
		return ""
	}
	return m.text
}
