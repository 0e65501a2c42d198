package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"originwarden/envelope"
)

// trace takes the trace of the request from the values of its traceparent
// lines, or begins one. The gateway makes no span of its own, so that it hands
// on a valid line as it is (W3C Trace Context, section 3.3).
func (x *exchange) trace(lines []string) {
	if id, ok := envelope.ParseTraceparent(lines); ok {
		x.TraceID, x.traceparent[0] = id, lines[0]
		return
	}
	x.begun = true
	x.traceparent[0] = newTraceparent(rand.Float64() < x.settings.Sampled)
	x.TraceID = x.traceparent[0][3:35]
}

// continueTrace makes the trace that of the tenant too, whatever Connection
// names. The tracestate of another trace is of no use (section 3.3.1.3).
func (x *exchange) continueTrace(header http.Header) {
	header["Traceparent"] = x.traceparent[:]
	if x.begun {
		delete(header, "Tracestate")
	}
}

// newTraceparent returns a line of random ids, which are never all zero.
func newTraceparent(sampled bool) string {
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
