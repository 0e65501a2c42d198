// Package connection is how a command reaches a server of the API: the flags
// that say where it is and whom to trust, the token, and what its errors mean.
package connection

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

// Flags are the flags of a command that calls the API.
type Flags struct {
	Server string // the URL of the tenant's host; "": ORIGINWARDEN_SERVER
	Token  Token

	retry, interval int // times, seconds
	insecure        bool
	cacert, host    string
	resolve         []string
}

// Define gives cmd, and the commands below it, the flags.
func (f *Flags) Define(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&f.Server, "server", "s", "", "the URL of the tenant's host (default: ORIGINWARDEN_SERVER)")
	f.Token.Define(cmd)
	flags.IntVar(&f.retry, "retry", 0, "how often to repeat a request that got no response, or 502, 503 or 504, at most 10; a create only if there was no connection")
	flags.IntVar(&f.interval, "interval", 1, "seconds between repetitions, at least 1")
	flags.BoolVar(&f.insecure, "insecure", false, "accept any certificate of the server: others on the network can read the token")
	flags.StringVar(&f.cacert, "cacert", "", "a file with the authorities that sign the server's certificate, instead of the system's")
	flags.StringVar(&f.host, "host", "", "the tenant's host to ask for; the server's URL then only says where to connect to, as http://127.0.0.1:8080")
	flags.StringArrayVar(&f.resolve, "resolve", nil, "HOST:PORT:ADDRESS connects to an address instead of what a host's name resolves to, as in curl; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("insecure", "cacert")
	cmd.MarkFlagsMutuallyExclusive("host", "resolve")
}

// Client returns the client that the flags and the environment describe. It
// reports on standard error when it waits or tries again.
func (f *Flags) Client(env command.Environment) (*client.Client, error) {
	server := cmp.Or(f.Server, env.Getenv("ORIGINWARDEN_SERVER"))
	if server == "" {
		return nil, errors.New("there is no server: set ORIGINWARDEN_SERVER, or give --server")
	}
	token, err := f.Token.Read(env)
	if err != nil {
		return nil, err
	}
	switch {
	case f.retry < 0 || f.retry > 10:
		return nil, errors.New("--retry must be 0 to 10")
	case f.interval < 1:
		return nil, errors.New("--interval must be at least 1")
	}
	server, transport, err := f.transport(server)
	if err != nil {
		return nil, err
	}
	return &client.Client{
		Server: server, Token: token,
		HTTPClient: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		Retries:    f.retry, RetryInterval: time.Duration(f.interval) * time.Second,
		OnWait: func(d time.Duration) {
			fmt.Fprintf(env.Stderr, "originwarden: the server limits the rate of requests, waiting for %v\n", d)
		},
		OnRetry: func(err error) {
			fmt.Fprintf(env.Stderr, "originwarden: %s, trying again\n", escape.Text(err.Error()))
		},
	}, nil
}

// transport returns how to connect to server, and the URL to ask for.
func (f *Flags) transport(server string) (url string, transport *http.Transport, err error) {
	transport = http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = f.tlsConfig(); err != nil {
		return "", nil, err
	}
	var instead overrides
	switch {
	case f.host != "":
		server, instead, err = replaceHost(server, f.host)
	case len(f.resolve) > 0:
		instead, err = parseResolve(f.resolve)
	}
	if err != nil || instead == nil {
		return server, transport, err
	}
	transport.Proxy = nil // it would resolve the name itself
	transport.DialContext = instead.dial
	return server, transport, nil
}

func (f *Flags) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: f.insecure}
	if f.cacert == "" {
		return config, nil
	}
	text, err := readFile(f.cacert, maxCertificates)
	if err != nil {
		return nil, fmt.Errorf("--cacert: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--cacert: %s has no certificate", f.cacert)
	}
	return config, nil
}

// Token says where a command finds its token. It is never the value of a flag,
// which everybody on the machine could read.
type Token struct{ file string }

// Define gives cmd, and the commands below it, the flag.
func (t *Token) Define(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&t.file, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
}

// Read returns the token.
func (t *Token) Read(env command.Environment) (string, error) {
	token := env.Getenv("ORIGINWARDEN_TOKEN")
	if t.file != "" {
		text, err := readFile(t.file, maxToken)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		token = string(text)
	}
	token = strings.TrimSpace(token)
	switch {
	case token == "" && t.file != "":
		return "", fmt.Errorf("--token-file: %s is empty", t.file)
	case token == "":
		return "", errors.New("there is no token: set ORIGINWARDEN_TOKEN, or give --token-file")
	case strings.ContainsFunc(token, isNotInToken):
		return "", errors.New("the token has more than letters, digits and punctuation: give only the first line that originwarden token prints")
	}
	return token, nil
}

// isNotInToken reports whether r is none of the visible ASCII characters, which may be in
// a header.
func isNotInToken(r rune) bool { return r <= ' ' || r > '~' }

// The largest files that are read, in bytes.
const (
	maxToken        = 64 << 10
	maxCertificates = 4 << 20 // all that a system trusts are a quarter of that
)

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return command.ReadAtMost(f, limit)
}
