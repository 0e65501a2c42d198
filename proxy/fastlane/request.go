package fastlane

import (
	"bytes"
	"cmp"
	"io"
	"net/netip"
	"sync"
	"time"

	"originwarden/proxy/downstream"
	"originwarden/proxy/http1"
)

// Request is a request under way, with the buffers that serve it. One goroutine uses
// it. After the request it serves others, also of other connections.
type Request struct {
	// Head is the head of the request, which is regular.
	Head http1.RequestHead
	// Peer is the other end of the connection; TLS says that it speaks TLS.
	Peer netip.Addr
	TLS  bool
	Conn *downstream.Conn
	// Out and Copy are buffers for the handler, which must not rely on what they
	// contain when ServeFast is called. It may replace Out by a larger one.
	Out  []byte
	Copy [copySize]byte
	// State is the handler's, nil at first. It stays for the requests that come
	// after.
	State any
	// Canceler ends the exchange with the tenant when the server aborts its requests.
	// The handler passes it on with what it sends.
	Canceler http1.Canceler

	conn    *conn
	data    [bufferSize]byte
	start   int  // of the request in data
	end     int  // of what was read
	length  int  // of the head, and of the body when it was taken; 0 is unknown
	regular bool // if length is known
	failed  Outcome
}

const (
	bufferSize = 16 << 10
	copySize   = 16 << 10
	outSize    = 4 << 10
)

var requests sync.Pool

func takeRequest(c *conn) *Request {
	r, ok := requests.Get().(*Request)
	if !ok {
		r = &Request{Out: make([]byte, 0, outSize)}
	}
	r.Canceler.Reset()
	r.conn, r.Peer, r.TLS, r.Conn = c, c.peer, c.tls != nil, c.raw
	return r
}

// putRequest returns r, without anything of its request.
func putRequest(r *Request) {
	clear(r.data[:r.end])
	r.conn, r.Conn = nil, nil
	r.start, r.end, r.length = 0, 0, 0
	if cap(r.Out) > bufferSize {
		r.Out = make([]byte, 0, outSize)
	}
	r.Out = r.Out[:0]
	r.Head.Reset()
	requests.Put(r)
}

func (r *Request) buffered() int { return r.end - r.start }

// fill reads more bytes.
func (r *Request) fill() error {
	if r.end == len(r.data) {
		r.end, r.start = copy(r.data[:], r.data[r.start:r.end]), 0
	}
	n, err := r.conn.rw.Read(r.data[r.end:])
	r.end += n
	if n > 0 {
		return nil
	}
	return err
}

// readHead reads a head, and reports whether it is plainly regular; failed is the
// outcome otherwise.
func (r *Request) readHead() bool {
	for began := (time.Time{}); !r.parseHead(); {
		if r.failed = OtherLane; r.buffered() >= r.headLimit() {
			return false
		}
		if began.IsZero() {
			began = time.Now()
		}
		r.conn.readBy.arm(r.conn.rw.SetReadDeadline, began, r.conn.listener.settings.Load().ReadHead)
		if err := r.fill(); err != nil {
			r.failed = r.failedHead(err)
			return false
		}
	}
	r.failed = OtherLane
	return r.regular
}

// parseHead parses the head, if all of it was read. It reports whether it was, or
// whether the head is not regular, whatever follows.
func (r *Request) parseHead() bool {
	if r.length == 0 {
		i := bytes.Index(r.data[r.start:r.end], []byte("\r\n\r\n"))
		if i < 0 {
			r.regular = false
			return hasBareLF(r.data[r.start:r.end])
		}
		r.length = i + 4
		r.regular = r.length <= r.headLimit() && r.Head.Parse(string(r.data[r.start:r.start+r.length]))
	}
	return true
}

// hasBareLF reports whether a line of a head ends without CR. net/http answers such a
// head as soon as it ends, with two line ends of any kind, and the greeting of a client
// that speaks TLS at once. After another request it waits for the fourth byte.
func hasBareLF(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	for {
		i := bytes.IndexByte(head, '\n')
		if i < 0 || i == 0 || head[i-1] != '\r' {
			return i >= 0
		}
		head = head[i+1:]
	}
}

// headLimit is the length of the longest head, in bytes.
func (r *Request) headLimit() int {
	return min(cmp.Or(r.conn.listener.settings.Load().HeadBytes, bufferSize), bufferSize)
}

// isWhole reports whether the request was read to its end, or is not regular.
func (r *Request) isWhole() bool {
	return r.parseHead() && (!r.regular || int64(r.buffered()-r.length) >= r.Head.Length)
}

// failedHead returns the outcome of a head that was cut by an error. net/http answers
// one that the client has ended, but after another request only from the fourth byte.
func (r *Request) failedHead(err error) Outcome {
	if err == io.EOF && (!r.conn.served || r.buffered() >= 4) {
		return OtherLane
	}
	return CloseNow
}

// bodyPatience is how long the body of a request may take to arrive that is served
// in the fast lane.
const bodyPatience = 50 * time.Millisecond

// Body returns the request's body, which is empty if there is none. It reports false
// if head and body have more than 16 KiB, or if the rest of the body does not arrive
// within 50 ms: then the handler returns OtherLane. Call it once, before anything is
// sent. The body is valid until ServeFast returns.
func (r *Request) Body() (body []byte, ok bool) {
	head := r.length
	if r.Head.Length > int64(bufferSize-head) {
		return nil, false
	}
	length := head + int(r.Head.Length)
	if r.start+length > bufferSize {
		r.end, r.start = copy(r.data[:], r.data[r.start:r.end]), 0
	}
	if r.buffered() < length {
		began := time.Now()
		r.conn.readBy.at = began.Add(bodyPatience)
		r.conn.rw.SetReadDeadline(r.conn.readBy.at)
	}
	for r.buffered() < length {
		if r.fill() != nil {
			return nil, false
		}
	}
	r.length = length
	return r.data[r.start+head : r.start+length], true
}

// next drops the request.
func (r *Request) next() {
	r.start += r.length
	r.length = 0
	if r.start == r.end {
		clear(r.data[:r.end])
		r.start, r.end = 0, 0
	}
}

// unread returns a copy of the request, and of all that was read after it.
func (r *Request) unread() []byte { return bytes.Clone(r.data[r.start:r.end]) }

// Write sends bytes to the client, which may take as long as limit and an eighth, or
// a second, longer; 0 is no limit. Then its error is os.ErrDeadlineExceeded. After any
// error, the client may have received a part of the bytes: the handler returns CloseNow.
func (r *Request) Write(b []byte, limit time.Duration) error {
	r.conn.writeBy.arm(r.conn.rw.SetWriteDeadline, time.Now(), limit)
	_, err := r.conn.rw.Write(b)
	return err
}
