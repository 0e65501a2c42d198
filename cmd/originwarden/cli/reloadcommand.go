package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/server"
)

func newReload(env Environment) *cobra.Command {
	e := &errand{webIntegrations: webIntegrations{env: env}, ask: reloadAt}
	return e.complete(&cobra.Command{
		Use:   "reload [--admin URL]...",
		Short: "Have gateways read their configuration again",
		Long: "Have gateways read their configuration again, as the signal SIGHUP does: tenants,\n" +
			"modes, tokens, limits and timeouts. What runs comes to its end. A configuration with\n" +
			"a mistake changes nothing, and its mistakes are printed. Keys whose new value needs\n" +
			"another start are printed too. Each gateway is asked, one after the other.\n" +
			"ORIGINWARDEN_TOKEN is a token with the role admin for all tenants.",
	})
}

func reloadAt(ctx context.Context, gateways *operators, admin, token string) (text string, err error) {
	var d server.Reloaded
	if err := gateways.post(ctx, admin, "/reload", token, &d); err != nil {
		return "", err
	}
	text = fmt.Sprintf("serves %d tenants by its configuration", d.Tenants)
	if len(d.WaitForRestart) > 0 {
		text += "; these keys wait for a restart: " + strings.Join(d.WaitForRestart, ", ")
	}
	return text, nil
}
