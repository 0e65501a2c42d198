package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// reloadings is what reload is told to do.
type reloadings struct {
	webIntegrations // of which it needs the token
	admins          []string
}

func newReload(env environment) *cobra.Command {
	r := &reloadings{webIntegrations: webIntegrations{env: env}}
	cmd := &cobra.Command{
		Use:   "reload [--admin URL]...",
		Short: "Have gateways read their configuration again",
		Long: "Have gateways read their configuration again, as the signal SIGHUP does: tenants,\n" +
			"modes, tokens, limits and timeouts. What runs comes to its end. A configuration with\n" +
			"a mistake changes nothing, and its mistakes are printed. Keys whose new value needs\n" +
			"another start are printed too. Each gateway is asked, one after the other.\n" +
			"ORIGINWARDEN_TOKEN is a token with the role admin for all tenants.",
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
	flags.StringSliceVar(&r.admins, "admin", []string{adminDefault}, adminUsage+"; may be repeated, and be several with commas")
	flags.StringVar(&r.tokenFile, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
	return cmd
}

// run asks every gateway, also when another one fails.
func (r *reloadings) run(ctx context.Context, token string) error {
	gateways := newOperators(resyncRequest)
	defer gateways.CloseIdleConnections()
	var failures []error
	for _, admin := range r.admins {
		d, err := reloadAt(ctx, gateways, admin, token)
		if err != nil {
			failures = append(failures, told(admin, err))
			continue
		}
		text := fmt.Sprintf("%s: serves %d tenants by its configuration", admin, d.Tenants)
		if len(d.WaitForRestart) > 0 {
			text += "; for another start wait " + strings.Join(d.WaitForRestart, ", ")
		}
		if err := r.print([]byte(printable(text) + "\n")); err != nil {
			return err
		}
	}
	return joined(failures)
}

func reloadAt(ctx context.Context, gateways *operators, admin, token string) (d reloadDocument, err error) {
	a, err := gateways.ask(ctx, http.MethodPost, admin, "/reload", token)
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
