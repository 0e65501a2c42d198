package extauthz

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"originwarden/envelope/clientaddr"
	"originwarden/proxy/decide"
	"originwarden/proxy/request"
)

// What is wrong with a question, besides what decide.Question finds.
var (
	errNoRequest = errors.New("it is not about an HTTP request")
	errQuery     = errors.New("the query is not in the path")
	errHeaders   = fmt.Errorf("there are more than %d headers", maxHeaders)
	errValues    = errors.New("a header has both a value and a raw value")
	errFiltered  = errors.New("the header lacks :method, so that Envoy seems to be configured with allowed_headers")
	errMethod    = errors.New("the method is not that of the header")
	errScheme    = errors.New("the scheme is neither http nor https")
	errLength    = errors.New("Content-Length is invalid")
)

// read returns the request that a question is about, or why there is none.
func read(asked *authv3.AttributeContext) (r request.Request, err error) {
	from := asked.GetRequest().GetHttp()
	switch {
	case from == nil:
		return r, errNoRequest
	case from.GetQuery() != "" || from.GetFragment() != "":
		return r, errQuery
	case from.GetScheme() != "http" && from.GetScheme() != "https":
		return r, errScheme
	}
	header, err := readHeader(from)
	if err != nil {
		return r, err
	}
	length, err := header.length(from.GetSize())
	if err != nil {
		return r, err
	}
	question := decide.Question{
		Fields: header,
		Method: from.GetMethod(),
		Target: from.GetPath(),
		Host:   from.GetHost(),
		HTTPS:  from.GetScheme() == "https",
		Length: length,
		Client: clientOf(asked),
	}
	return question.Request()
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

// clientOf returns who has sent the request, as Envoy says. It is invalid if that is
// not known by an IP address.
func clientOf(asked *authv3.AttributeContext) netip.Addr {
	return clientaddr.Parse(asked.GetSource().GetAddress().GetSocketAddress().GetAddress())
}
