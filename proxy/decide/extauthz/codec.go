package extauthz

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"originwarden/proxy/decide/extauthz/wire"
)

// codec encodes and decodes the messages of Check, and leaves others to gRPC's own codec.
type codec struct{ encoding.CodecV2 }

// answerBytes is room for most answers, which are encoded in a buffer of gRPC's pool.
const answerBytes = 2 << 10

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	answer, ok := v.(*wire.CheckResponse)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	pool := mem.DefaultBufferPool()
	buffer := pool.Get(answerBytes)
	encoded := answer.Append((*buffer)[:0])
	if cap(encoded) != cap(*buffer) { // it did not fit
		pool.Put(buffer)
		return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
	}
	*buffer = encoded
	return mem.BufferSlice{mem.NewBuffer(buffer, pool)}, nil
}

// Unmarshal implements encoding.CodecV2. What is wrong with a question is not its error,
// to which gRPC would respond itself.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	asked, ok := v.(*question)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	asked.err = asked.Unmarshal(buffer.ReadOnlyData())
	return nil
}
