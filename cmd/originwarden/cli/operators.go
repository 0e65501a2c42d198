package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"
)

const (
	adminDefault = "http://127.0.0.1:9090"
	adminUsage   = "the URL of a gateway's admin address"

	maxOperatorsAnswer = 1 << 20
)

// operators asks at the admin addresses of gateways.
type operators struct{ http.Client }

// newOperators returns one whose requests each end after timeout. It has to be
// released by CloseIdleConnections.
func newOperators(timeout time.Duration) *operators {
	return &operators{http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}}
}

// answer is what a gateway has answered.
type answer struct {
	status int
	body   []byte
}

// ask makes a request, with a token if it is not empty, of a path at an admin
// address.
func (o *operators) ask(ctx context.Context, method, admin, path, token string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(admin, "/")+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("User-Agent", "originwarden")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := o.Do(request)
	if err != nil {
		return answer{}, unnamed(err)
	}
	defer response.Body.Close()
	if to := response.Header.Get("Location"); to != "" {
		return answer{}, fmt.Errorf("it redirects, which is not followed, to %.200q", to)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxOperatorsAnswer))
	return answer{response.StatusCode, body}, err
}

// unnamed returns the error without the URL, which its reader is told anyway.
func unnamed(err error) error {
	if named, ok := errors.AsType[*url.Error](err); ok {
		return named.Err
	}
	return err
}

// checkAdmin says which of the values of --admin is no URL of an address.
func checkAdmin(admins ...string) error {
	if len(admins) == 0 {
		return errors.New("--admin: it is empty")
	}
	for _, admin := range admins {
		u, err := url.Parse(admin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
			u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return fmt.Errorf("--admin: %q is no URL such as %s", admin, adminDefault)
		}
	}
	return nil
}

// statusText is how a message calls the status of an answer.
func (a answer) statusText() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
}

// errand is a command that asks one gateway after the other for something that
// needs a token.
type errand struct {
	webIntegrations // of which it needs the token
	admins          []string
	// ask returns what to print of a gateway that did it.
	ask func(ctx context.Context, gateways *operators, admin, token string) (text string, err error)
}

// errandPatience is for a gateway that reads all lists anew.
const errandPatience = time.Minute

// complete gives cmd its flags and what it does.
func (e *errand) complete(cmd *cobra.Command) *cobra.Command {
	cmd.Args = command.NoArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return e.run(cmd.Context()) }
	flags := cmd.Flags()
	flags.StringSliceVar(&e.admins, "admin", []string{adminDefault}, adminUsage+"; may be repeated, and be several with commas")
	flags.StringVar(&e.tokenFile, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
	return cmd
}

// run asks every gateway, also when another one fails.
func (e *errand) run(ctx context.Context) error {
	if err := checkAdmin(e.admins...); err != nil {
		return err
	}
	token, err := e.token()
	if err != nil {
		return err
	}
	gateways := newOperators(errandPatience)
	defer gateways.CloseIdleConnections()
	var failures []error
	for _, admin := range e.admins {
		text, err := e.ask(ctx, gateways, admin, token)
		if err != nil {
			failures = append(failures, told(admin, err))
			continue
		}
		if err := e.env.Print([]byte(escape.Text(admin+": "+text) + "\n")); err != nil {
			return err
		}
	}
	return command.JoinFailures(failures)
}

// post asks for something to be done, and reads the answer into document.
func (o *operators) post(ctx context.Context, admin, path, token string, document any) error {
	a, err := o.ask(ctx, http.MethodPost, admin, path, token)
	switch {
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return a.refusal()
	}
	if err := json.Unmarshal(a.body, document); err != nil {
		return fmt.Errorf("its answer is not that of a gateway: %w", err)
	}
	return nil
}

// refusal is the error of an answer that is none of success.
func (a answer) refusal() error {
	var document struct {
		Errors  []client.Problem `json:"errors"`
		TraceID string           `json:"traceId"`
	}
	if json.Unmarshal(a.body, &document) != nil {
		document.Errors = nil
	}
	switch {
	case len(document.Errors) == 0 || document.Errors[0].Code == "TENANT_UNKNOWN":
		return fmt.Errorf("%s: it is no gateway's admin address (admin.listen), but the tenants' perhaps", a.statusText())
	case document.Errors[0].Code == "STORE_RESET":
		return errors.New(document.Errors[0].Detail + "; its lists are not taken. To take it as it is: originwarden resync --accept")
	}
	return &client.Error{Status: a.status, Errors: document.Errors, TraceID: document.TraceID}
}
