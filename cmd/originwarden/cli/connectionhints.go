package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// hinting adds what can be done to the errors of a transport.
type hinting struct {
	*http.Transport
	cacert string // the flag
}

// RoundTrip implements http.RoundTripper.
func (h *hinting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := h.Transport.RoundTrip(r)
	if err != nil {
		return nil, h.hinted(r, err)
	}
	if r.URL.Scheme == "http" && response.StatusCode == http.StatusBadRequest && wantsTLS(response) {
		response.Body.Close()
		return nil, errSpeaksTLS
	}
	return response, nil
}

func (h *hinting) hinted(r *http.Request, err error) error {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	noTLS, _ := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case unknown && h.cacert == "":
		return fmt.Errorf("%w: give a file with its authority with --cacert", err)
	case unknown:
		return fmt.Errorf("%w: its authority is not in the file of --cacert", err)
	case string(noTLS.RecordHeader[:]) == "HTTP/":
		return errSpeaksNoTLS
	case r.URL.Scheme == "http" && strings.Contains(err.Error(), tlsAlert):
		return errSpeaksTLS
	}
	return err
}

// tlsAlert is how net/http tells of an answer that is a TLS alert (RFC 8446,
// section 5.1).
const tlsAlert = `malformed HTTP response "\x15\x03`

const (
	errSpeaksTLS   = schemeError("the server speaks TLS: begin its URL with https://")
	errSpeaksNoTLS = schemeError("the server speaks no TLS: begin its URL with http://")
)

// schemeError says that a server does not speak what its URL says.
type schemeError string

func (e schemeError) Error() string { return string(e) }

// Is has a schemeError be http.ErrSchemeMismatch, which is not repeated.
func (schemeError) Is(target error) bool { return target == http.ErrSchemeMismatch }

// wantsTLS reports whether an answer is how Go, nginx or Apache refuses a request
// without TLS. The body can be read from its beginning afterwards.
func wantsTLS(response *http.Response) bool {
	begin, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), response.Body), response.Body}
	text := strings.ToLower(string(begin))
	for _, told := range []string{"http request to an https server", "http request was sent to https port", "plain http to an ssl-enabled server port"} {
		if strings.Contains(text, told) {
			return true
		}
	}
	return false
}
