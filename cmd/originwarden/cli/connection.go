package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
)

// connection says how a server of the API is reached, beside its URL.
type connection struct {
	retry, interval int
	insecure        bool
	cacert, host    string
	resolve         []string
}

// flagSet is where flags are defined.
type flagSet interface {
	IntVar(p *int, name string, value int, usage string)
	BoolVar(p *bool, name string, value bool, usage string)
	StringVar(p *string, name string, value string, usage string)
	StringArrayVar(p *[]string, name string, value []string, usage string)
}

func (c *connection) flags(flags flagSet) {
	flags.IntVar(&c.retry, "retry", 0, "how often a request that got no answer, or 502, 503 or 504, is repeated, at most 10; a create only if there was no connection")
	flags.IntVar(&c.interval, "interval", 1, "seconds between repetitions, at least 1")
	flags.BoolVar(&c.insecure, "insecure", false, "take any certificate of the server: whoever is in between can read the token")
	flags.StringVar(&c.cacert, "cacert", "", "a file with the authorities that sign the server's certificate, in place of the system's")
	flags.StringVar(&c.host, "host", "", "the tenant's host to ask for at the server, whose URL then only says where to connect to, as http://127.0.0.1:8080")
	flags.StringArrayVar(&c.resolve, "resolve", nil, "HOST:PORT:ADDRESS connects to an address in place of what a host's name resolves to, as curl's; may be repeated")
}

// exclude tells which flags do not go together.
func (c *connection) exclude(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("insecure", "cacert")
	cmd.MarkFlagsMutuallyExclusive("host", "resolve")
}

// apply has the client reach its server so.
func (c *connection) apply(to *client.Client) error {
	switch {
	case c.retry < 0 || c.retry > 10:
		return errors.New("--retry: it is 0 to 10")
	case c.interval < 1:
		return errors.New("--interval: it is at least 1")
	}
	to.Retries, to.RetryInterval = c.retry, time.Duration(c.interval)*time.Second
	secured, err := c.tls()
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secured
	if err := c.redirect(to, transport); err != nil {
		return err
	}
	to.HTTPClient = &http.Client{Transport: &hinting{transport, c.cacert}, Timeout: 30 * time.Second}
	return nil
}

func (c *connection) tls() (*tls.Config, error) {
	secured := &tls.Config{InsecureSkipVerify: c.insecure}
	if c.cacert == "" {
		return secured, nil
	}
	text, err := os.ReadFile(c.cacert)
	if err != nil {
		return nil, fmt.Errorf("--cacert: %w", err)
	}
	secured.RootCAs = x509.NewCertPool()
	if !secured.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--cacert: %s has no certificate", c.cacert)
	}
	return secured, nil
}

// redirect has connections made to other addresses than the server's name says.
func (c *connection) redirect(to *client.Client, transport *http.Transport) error {
	var at addresses
	var err error
	switch {
	case c.host != "":
		to.Server, at, err = atServer(to.Server, c.host)
	case len(c.resolve) > 0:
		at, err = resolved(c.resolve)
	}
	if err != nil || at == nil {
		return err
	}
	transport.Proxy = nil // it would look for the name by itself
	transport.DialContext = at.dial
	return nil
}

// atServer returns the URL of a host that is served where server is.
func atServer(server, host string) (string, addresses, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "", nil, client.ErrInvalidServer
	}
	named, err := url.Parse("//" + host)
	if err != nil || named.Host != host || named.Hostname() == "" {
		return "", nil, fmt.Errorf("--host: %q is no host such as tenant.example.com", host)
	}
	from := *u
	u.Host = host
	return u.String(), addresses{withPort(u): {withPort(&from)}}, nil
}
