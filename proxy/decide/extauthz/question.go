package extauthz

import (
	"errors"
	"fmt"
	"strconv"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/decide"
	"originwarden/proxy/decide/extauthz/wire"
	"originwarden/proxy/request"
)

// What is wrong with a question, besides what decide.Question finds.
var (
	errNoRequest = errors.New("it is not about an HTTP request")
	errQuery     = errors.New("the query is not in the path")
	errHeaders   = fmt.Errorf("there are more than %d headers", wire.MaxLines)
	errValues    = errors.New("a header has both a value and a raw value")
	errFiltered  = errors.New("the header lacks :method, so that Envoy seems to be configured with allowed_headers")
	errMethod    = errors.New("the method is not that of the header")
	errScheme    = errors.New("the scheme is neither http nor https")
	errLength    = errors.New("Content-Length is invalid")
)

// question is what Envoy asks.
type question struct {
	wire.CheckRequest
	err error // it could not be decoded
}

// read returns the request that a question is about, or why there is none.
func read(asked *question) (r request.Request, err error) {
	switch {
	case asked.err != nil:
		return r, asked.err
	case !asked.IsHTTP:
		return r, errNoRequest
	case asked.Query != "" || asked.Fragment != "":
		return r, errQuery
	case asked.Scheme != "http" && asked.Scheme != "https":
		return r, errScheme
	}
	header, err := readHeader(&asked.CheckRequest)
	if err != nil {
		return r, err
	}
	length, err := header.length(asked.Size)
	if err != nil {
		return r, err
	}
	about := decide.Question{
		Fields: header,
		Method: asked.Method,
		Target: asked.Path,
		Host:   asked.Host,
		HTTPS:  asked.Scheme == "https",
		Length: length,
		Client: clientaddr.Parse(asked.Source), // invalid if it is not known
	}
	return about.Request()
}

// length returns the length of the body in bytes, as far as it is known. Envoy's size is
// what it has received when it asks, which is all of the body only if it waits for that.
// Envoy removes Transfer-Encoding before it asks.
func (h *header) length(received int64) (int64, error) {
	received = max(received, 0)
	switch lines := h.Values("Content-Length"); {
	case len(lines) == 1:
		length, err := strconv.ParseUint(lines[0], 10, 63)
		if err != nil {
			return 0, errLength
		}
		return max(int64(length), received), nil
	case lines != nil:
		return 0, errLength
	}
	return received, nil
}
