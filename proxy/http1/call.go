package http1

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"

	"originwarden/proxy/fields"
)

// Call is a request of net/http for an upstream, and what its response has beside
// the http.Response.
type Call struct {
	// Request is sent with its method, Host, Header, Body, ContentLength and
	// Trailer. Its URL is not used. Its context ends the exchange.
	Request *http.Request
	// Target is the request target, byte for byte. It has no spaces and no
	// control characters.
	Target string
	// Session and BeforeWait are as in Outgoing. Over HTTP/2, BeforeWait is called
	// before every read.
	Session    *Session
	BeforeWait func()
	// Spelling is how the server spelled names of the response's header. It is set
	// when Do returns.
	Spelling fields.Spelling
}

// Do sends a request as Send does, and returns its response and errors. The response's
// header has canonical names; see Call.Spelling. Informational responses are reported
// to the request's httptrace.ClientTrace.
func (p *Pool) Do(call *Call) (*http.Response, error) {
	res, err := p.Send(call.outgoing())
	if err != nil {
		return nil, err
	}
	header, spelling := res.Fields.header()
	call.Spelling = spelling
	return newHTTPResponse(res, header, call.Request), nil
}

// outgoing returns the request as it is sent.
func (c *Call) outgoing() *Outgoing {
	r := c.Request
	out := &Outgoing{
		Method: r.Method, Bytes: appendRequest(nil, c), HasBody: hasBody(r), Authenticates: fields.Authenticates(r.Header),
		Session: c.Session, Context: r.Context(), BeforeWait: c.BeforeWait,
	}
	if out.HasBody {
		expect := r.Header["Expect"]
		out.Upload = &Upload{Reader: r.Body, Length: r.ContentLength, Trailer: func() http.Header { return r.Trailer },
			Expect: len(expect) == 1 && expect[0] == "100-continue"}
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.Got1xxResponse != nil {
		out.Informational = func(status int, fields Fields) error {
			header, _ := fields.header()
			return trace.Got1xxResponse(status, textproto.MIMEHeader(header))
		}
	}
	return out
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// header returns the fields by their canonical names, and how these were spelled.
func (f Fields) header() (http.Header, fields.Spelling) {
	header, values := make(http.Header, len(f)), make([]string, 0, len(f))
	var spelling fields.Spelling
	for _, field := range f {
		name := http.CanonicalHeaderKey(field.Name)
		before := header[name]
		if before != nil {
			header[name] = append(before, field.Value)
			continue
		}
		values = append(values, field.Value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
		if name != field.Name { // the first spelling counts
			spelling = append(spelling, fields.Spelled{Canonical: name, Name: field.Name})
		}
	}
	return header, spelling
}

// newHTTPResponse returns res for net/http. Its header has neither Transfer-Encoding,
// which does not concern the next connection, nor a length that chunks override.
func newHTTPResponse(res *Response, header http.Header, r *http.Request) *http.Response {
	out := &http.Response{
		Status: strconv.Itoa(res.Status) + " " + res.Reason, StatusCode: res.Status,
		Proto: "HTTP/1." + strconv.Itoa(res.Minor), ProtoMajor: 1, ProtoMinor: res.Minor,
		Header: header, Request: r, ContentLength: res.Length, Close: res.Close, Body: res.Body,
	}
	if res.Status == http.StatusSwitchingProtocols {
		return out
	}
	delete(header, "Transfer-Encoding")
	switch {
	case res.Chunked:
		delete(header, "Content-Length")
	case res.Length >= 0:
		header["Content-Length"] = []string{strconv.FormatInt(res.Length, 10)}
	}
	if res.Chunked && res.Body != http.NoBody {
		out.TransferEncoding = []string{"chunked"}
		out.Trailer = fields.TakeAnnounced(header)
		out.Body = &trailingBody{res.Body, res, out}
	}
	return out
}

// trailingBody sets the trailer of an http.Response at the end of its body.
type trailingBody struct {
	io.ReadCloser
	from *Response
	to   *http.Response
}

// Read implements io.Reader.
func (b *trailingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && len(b.from.Trailer) > 0 {
		trailer, _ := b.from.Trailer.header()
		if b.to.Trailer == nil {
			b.to.Trailer = http.Header{}
		}
		maps.Copy(b.to.Trailer, trailer)
	}
	return n, err
}
