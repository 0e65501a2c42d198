package demux

import "golang.org/x/net/http2"

const frameHeader = 9 // bytes

// httpErrors finds the first HTTP error among the responses of gRPC. That is what a request
// gets that is no call, such as one over HTTP, and gRPC tells nobody.
type httpErrors struct {
	head  [frameHeader]byte
	have  int  // of head
	left  int  // of the frame
	block bool // what comes next begins a header
	found bool
}

// follow reports whether the first error begins in p, which is written next.
func (e *httpErrors) follow(p []byte) bool {
	if e.found {
		return false
	}
	for len(p) > 0 && !e.found {
		n := 0
		if e.have < frameHeader {
			n = copy(e.head[e.have:], p)
			e.have += n
			e.beginFrame()
		} else {
			e.found, e.block = e.block && isError(p[0]), false
			n = min(len(p), e.left)
			e.left -= n
		}
		if p = p[n:]; e.have == frameHeader && e.left == 0 {
			e.have = 0
		}
	}
	return e.found
}

// beginFrame looks at the header of a frame, if it is complete.
func (e *httpErrors) beginFrame() {
	if e.have == frameHeader {
		e.left = int(e.head[0])<<16 | int(e.head[1])<<8 | int(e.head[2])
		e.block = http2.FrameType(e.head[3]) == http2.FrameHeaders
	}
}

// isError reports whether a header that begins with b has a status other than 200, which
// would be 0x88: the entries 8 to 14 of HPACK's static table have statuses, by themselves
// (0x80), or as a name with another value (0x40 or 0x00). It finds the first of a connection:
// one that is repeated has an entry of the dynamic table. Trailers have no status.
func isError(b byte) bool {
	const ok, last = 8, 14
	switch b & 0xf0 {
	case 0x80:
		return b&0xf > ok && b&0xf <= last
	case 0x40, 0x00:
		return b&0xf >= ok && b&0xf <= last
	}
	return false
}
