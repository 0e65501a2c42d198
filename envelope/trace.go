package envelope

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

type traceKey struct{}

// WithTraceID returns a context from which TraceID returns id.
func WithTraceID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

// TraceID returns the trace id of the request that ctx belongs to, or "".
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// NewTraceID returns 32 random lower-case hexadecimal digits, never all zero.
// It is an identifier, not a secret.
func NewTraceID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64()|1)
	return hex.EncodeToString(raw[:])
}

// NewTraceparent returns the value of a traceparent line with random ids, which are
// never all zero.
func NewTraceparent(sampled bool) string {
	var ids [24]byte
	binary.BigEndian.PutUint64(ids[0:], rand.Uint64())
	binary.BigEndian.PutUint64(ids[8:], rand.Uint64()|1)
	binary.BigEndian.PutUint64(ids[16:], rand.Uint64()|1)
	const form = "00-................................-................-00"
	var line [len(form)]byte
	copy(line[:], form)
	hex.Encode(line[3:], ids[:16])
	hex.Encode(line[36:], ids[16:])
	if sampled {
		line[54] = '1'
	}
	return string(line[:])
}

// ParseTraceparent returns the trace id in a request's traceparent lines (W3C
// Trace Context, section 3.2), and whether there is exactly one and it is valid.
func ParseTraceparent(lines []string) (traceID string, ok bool) {
	if len(lines) != 1 {
		return "", false
	}
	v := lines[0]
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(v) < length || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return "", false
	}
	version := v[:2]
	if version == "ff" || len(v) > length && (version == "00" || v[length] != '-') {
		return "", false
	}
	traceID, parentID := v[3:35], v[36:52]
	if !isHex(version) || !isHex(traceID) || !isHex(parentID) || !isHex(v[53:55]) || isZero(traceID) || isZero(parentID) {
		return "", false
	}
	return traceID, true
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func isZero(s string) bool { return strings.Trim(s, "0") == "" }
