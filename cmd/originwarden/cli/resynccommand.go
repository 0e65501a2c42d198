package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/server/readiness"
)

func newResync(env Environment) *cobra.Command {
	var accept bool
	e := &errand{webIntegrations: webIntegrations{env: env}}
	e.ask = func(ctx context.Context, gateways *operators, admin, token string) (string, error) {
		path := "/resync"
		if accept {
			path += "?accept=true"
		}
		var d readiness.Document
		err := gateways.post(ctx, admin, path, token, &d)
		return fmt.Sprintf("in step with store %s at revision %d", d.Store.Identity, d.Revision), err
	}
	cmd := e.complete(&cobra.Command{
		Use:   "resync [--accept] [--admin URL]...",
		Short: "Have gateways compare with their store now, and accept one that was reset",
		Long: "Have gateways compare with their store now. A store that came back empty, older or\n" +
			"with another identity is not taken: a gateway serves the lists from before, refuses\n" +
			"writes, and says so here. With --accept it takes the store as it is, and drops the\n" +
			"lists from before. Each gateway is asked, one after the other. ORIGINWARDEN_TOKEN is\n" +
			"a token with the role admin for all tenants.",
		Example: "  originwarden resync --admin http://10.0.0.1:9090,http://10.0.0.2:9090\n" +
			"  originwarden resync --accept --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090",
	})
	cmd.Flags().BoolVar(&accept, "accept", false, "take a store that was reset as it is")
	return cmd
}
