package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// issuer is an OpenID Connect issuer as it is seen over the network.
type issuer struct {
	url    string
	client *http.Client
}

const (
	// issuerTimeout ends what it takes to fetch the keys, whoever waits for it.
	issuerTimeout = 3 * time.Second
	// maxIssuerDocument bounds what the issuer can make us read at once.
	maxIssuerDocument = 256 << 10
)

// newIssuer returns an issuer that is asked directly, and over a new connection
// each time, because that is at most once a minute. A redirect is an error: the
// keys are where the issuer's own metadata says, and nowhere else.
func newIssuer(url string) *issuer {
	return &issuer{url, &http.Client{
		Timeout:       issuerTimeout,
		Transport:     bounded{&http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// bounded ends a response that is larger than any that an issuer has to give.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxIssuerDocument)
	}
	return response, err
}

// keys finds the issuer's keys (OpenID Connect Discovery, section 4) and
// fetches them. A client that hangs up does not end it: others wait too.
func (i *issuer) keys(ctx context.Context) (*keys, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerTimeout)
	defer cancel()
	if !isSecure(i.url) {
		return nil, errors.New("the issuer is neither https nor on this machine")
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		KeySet string `json:"jwks_uri"`
	}
	document, err := i.document(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, fmt.Errorf("its metadata: %w", err)
	}
	switch err := json.Unmarshal(document, &metadata); {
	case err != nil: // which may quote the document
		return nil, errors.New("its metadata is not a JSON object of one member each")
	case metadata.Issuer != i.url:
		return nil, errors.New("the issuer in its metadata did not match")
	case !isSecure(metadata.KeySet):
		return nil, errors.New("the issuer's jwks_uri is neither https nor on this machine")
	}
	if document, err = i.document(ctx, metadata.KeySet); err != nil {
		return nil, err
	}
	return parseKeys(document, time.Now())
}

// IsIssuer reports whether url can be an OIDC.Issuer: what OpenID Connect
// Discovery, section 3, permits, or http on this machine.
func IsIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && isSecure(issuer) && u.Host != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// isSecure reports whether nobody on the network can change what is fetched.
func isSecure(location string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || addr.IsLoopback())
}

func (i *issuer) document(ctx context.Context, location string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, err
	}
	response, err := i.client.Do(request)
	if err != nil {
		return nil, withoutQuotes(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer's status is %d", response.StatusCode)
	}
	document, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, withoutQuotes(err)
	}
	return document, nil
}

// withoutQuotes is an error of net/http without what it quotes of an answer.
func withoutQuotes(err error) error {
	if asked, ok := errors.AsType[*url.Error](err); ok { // which quotes the URL, before the cause
		err = asked.Err
	}
	text, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimRight(text, " :"))
}
