package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
)

// resyncRequest is for reading all lists anew.
const resyncRequest = time.Minute

// resyncing is what resync is told to do.
type resyncing struct {
	webIntegrations // of which it needs the token
	admins          []string
	accept          bool
}

func newResync(env environment) *cobra.Command {
	r := &resyncing{webIntegrations: webIntegrations{env: env}}
	cmd := &cobra.Command{
		Use:   "resync [--accept] [--admin URL]...",
		Short: "Have gateways compare with their store now, and accept one that was reset",
		Long: "Have gateways compare with their store now. A store that came back empty, older or\n" +
			"with another identity is not taken: a gateway serves the lists from before, refuses\n" +
			"writes, and says so here. With --accept it takes the store as it is, and drops the\n" +
			"lists from before. Each gateway is asked, one after the other. ORIGINWARDEN_TOKEN is\n" +
			"a token with the role admin for all tenants.",
		Example: "  originwarden resync --admin http://10.0.0.1:9090,http://10.0.0.2:9090\n" +
			"  originwarden resync --accept --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAdmin(r.admins...); err != nil {
				return err
			}
			token, err := r.token()
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), token)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.accept, "accept", false, "take a store that was reset as it is")
	flags.StringSliceVar(&r.admins, "admin", []string{adminDefault}, adminUsage+"; may be repeated, and be several with commas")
	flags.StringVar(&r.tokenFile, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
	return cmd
}

// run asks every gateway, also when another one fails.
func (r *resyncing) run(ctx context.Context, token string) error {
	gateways := newOperators(resyncRequest)
	defer gateways.CloseIdleConnections()
	var failures []error
	for _, admin := range r.admins {
		d, err := r.resync(ctx, gateways, admin, token)
		if err != nil {
			failures = append(failures, told(admin, err))
			continue
		}
		text := fmt.Sprintf("%s: in step with store %s at revision %d", admin, d.Store.Identity, d.Revision)
		if err := r.print([]byte(printable(text) + "\n")); err != nil {
			return err
		}
	}
	return joined(failures)
}

func (r *resyncing) resync(ctx context.Context, gateways *operators, admin, token string) (d readinessDocument, err error) {
	path := "/resync"
	if r.accept {
		path += "?accept=true"
	}
	a, err := gateways.ask(ctx, http.MethodPost, admin, path, token)
	switch {
	case err != nil:
		return d, err
	case a.status != http.StatusOK:
		return d, a.refusal()
	}
	if err := json.Unmarshal(a.body, &d); err != nil {
		return d, fmt.Errorf("its answer is not that of a gateway: %w", err)
	}
	return d, nil
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
	if len(document.Errors) == 1 && document.Errors[0].Code == "STORE_RESET" {
		return errors.New(document.Errors[0].Detail + "; its lists are not taken. To take it as it is: originwarden resync --accept")
	}
	return &client.Error{Status: a.status, Errors: document.Errors, TraceID: document.TraceID}
}
