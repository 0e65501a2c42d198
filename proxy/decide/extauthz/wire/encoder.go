package wire

import (
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// encoder is an encoded message, to which fields are appended by their numbers. Numbers
// that are 0 and empty strings are left out, as in any message of proto3.
type encoder []byte

func (e *encoder) number(field int, value uint64) {
	if value != 0 {
		e.tag(field, protowire.VarintType)
		*e = protowire.AppendVarint(*e, value)
	}
}

// string appends a string, of which bytes that are not UTF-8 are replaced: Envoy could not
// read the message with them.
func (e *encoder) string(field int, value string) {
	if !utf8.ValidString(value) {
		value = strings.ToValidUTF8(value, string(utf8.RuneError))
	}
	if value != "" {
		e.tag(field, protowire.BytesType)
		*e = protowire.AppendString(*e, value)
	}
}

// begin begins a message within the message, and returns where: end wants to know it.
func (e *encoder) begin(field int) (begin int) {
	e.tag(field, protowire.BytesType)
	return len(*e)
}

// end ends a message, and puts its length before it.
func (e *encoder) end(begin int) {
	var room [10]byte
	length := protowire.AppendVarint(room[:0], uint64(len(*e)-begin))
	*e = slices.Insert(*e, begin, length...)
}

func (e *encoder) tag(field int, kind protowire.Type) {
	*e = protowire.AppendTag(*e, protowire.Number(field), kind)
}
