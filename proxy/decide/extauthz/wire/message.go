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

// decoder decodes a message with the messages in it.
type decoder struct {
	text string // of the whole message, so that strings of it need no memory of their own
	err  error  // the first
}

// message is a message that is being read, field by field.
type message struct {
	decoder *decoder
	rest    []byte
	// tag is that of a field, its number << 3 | its type: a field of another type than the
	// one it should have is one that is not known.
	tag    uint64
	value  []byte // of one that is delimited
	number uint64 // of one that is a varint
}

// open returns a message within that of the decoder.
func (d *decoder) open(encoded []byte) message { return message{decoder: d, rest: encoded} }

// next reads the next field, if there is one and no error yet.
func (m *message) next() bool {
	if len(m.rest) == 0 || m.decoder.err != nil {
		return false
	}
	number, kind, n := protowire.ConsumeTag(m.rest)
	if n < 0 {
		return m.fail(protowire.ParseError(n))
	}
	m.tag, m.rest = protowire.EncodeTag(number, kind), m.rest[n:]
	switch kind {
	case protowire.BytesType:
		m.value, n = protowire.ConsumeBytes(m.rest)
	case protowire.VarintType:
		m.number, n = protowire.ConsumeVarint(m.rest)
	default:
		n = protowire.ConsumeFieldValue(number, kind, m.rest)
	}
	if n < 0 {
		return m.fail(protowire.ParseError(n))
	}
	m.rest = m.rest[n:]
	return true
}

func (m *message) fail(err error) bool {
	m.decoder.err = err
	return false
}

// open returns the field as a message.
func (m *message) open() message { return m.decoder.open(m.value) }

// bytes returns the field as a string of any bytes. All slices of a message end where its
// memory does, which tells where they begin.
func (m *message) bytes() string {
	d := m.decoder
	return d.text[len(d.text)-cap(m.value):][:len(m.value)]
}

// string returns the field as text.
func (m *message) string() string {
	if !utf8.Valid(m.value) {
		m.fail(errUTF8)
		return ""
	}
	return m.bytes()
}
