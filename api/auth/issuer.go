package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"originwarden/origins"
)

// issuer fetches documents from an OpenID Connect issuer.
type issuer struct {
	url    string
	client *http.Client
}

const (
	// issuerTimeout bounds the time to fetch the keys.
	issuerTimeout = 3 * time.Second
	// maxIssuerDocument is the greatest length of a document in bytes.
	maxIssuerDocument = 256 << 10
)

// newIssuer returns a client of the issuer. It uses no proxy and a new
// connection each time, because that is at most once a minute. A redirect is an
// error: the keys are where the issuer's own metadata says, and nowhere else.
func newIssuer(url string) *issuer {
	return &issuer{url, &http.Client{
		Timeout:       issuerTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// fetchKeys finds the issuer's keys (OpenID Connect Discovery, section 4) and
// fetches them. The end of ctx does not end it: other requests wait too.
func (i *issuer) fetchKeys(ctx context.Context) (*keys, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerTimeout)
	defer cancel()
	if !origins.IsSecureURL(i.url) {
		return nil, errors.New("the issuer is neither https nor on this machine")
	}
	document, err := i.fetchDocument(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, fmt.Errorf("fetching its metadata: %w", err)
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		KeySet string `json:"jwks_uri"`
	}
	switch err := json.Unmarshal(document, &metadata); {
	case err != nil: // which may quote the document
		return nil, errors.New("its metadata is not a valid JSON object")
	case metadata.Issuer != i.url:
		return nil, errors.New("its metadata is that of another issuer")
	case !origins.IsSecureURL(metadata.KeySet):
		return nil, errors.New("its jwks_uri is neither https nor on this machine")
	}
	if document, err = i.fetchDocument(ctx, metadata.KeySet); err != nil {
		return nil, err
	}
	return parseKeys(document, time.Now())
}

func (i *issuer) fetchDocument(ctx context.Context, location string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, err
	}
	response, err := i.client.Do(request)
	if err != nil {
		return nil, trimQuoted(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected status %d", response.StatusCode)
	}
	document, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxIssuerDocument))
	if err != nil {
		return nil, trimQuoted(err)
	}
	return document, nil
}

// trimQuoted returns an error of net/http up to what it quotes of a response.
func trimQuoted(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok { // which quotes the URL, before the cause
		err = failed.Err
	}
	text, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimRight(text, " :"))
}
