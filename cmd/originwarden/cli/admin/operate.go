package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/envelope/escape"
)

// operation makes one gateway do something for an operator, whose token it sends,
// and returns what to print.
type operation func(ctx context.Context, c *http.Client, admin, token string) (text string, err error)

// operationTimeout leaves time to read all lists again.
const operationTimeout = time.Minute

// defineOperation gives cmd its flags, and makes it run do at each gateway that they name.
func defineOperation(env command.Environment, cmd *cobra.Command, do operation) {
	var admins []string
	var token connection.Token
	cmd.Args = command.NoArguments
	cmd.Flags().StringSliceVar(&admins, "admin", []string{defaultURL}, urlUsage+"; may be repeated or comma-separated")
	token.Define(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkURLs(admins...); err != nil {
			return err
		}
		text, err := token.Read(env)
		if err != nil {
			return err
		}
		return runAll(cmd.Context(), env, admins, text, do)
	}
}

// runAll asks every gateway, even if others fail.
func runAll(ctx context.Context, env command.Environment, admins []string, token string, do operation) error {
	c := newClient(operationTimeout)
	defer c.CloseIdleConnections()
	var failures []error
	for _, admin := range admins {
		text, err := do(ctx, c, admin, token)
		if err != nil {
			failures = append(failures, connection.Failure(admin, err))
			continue
		}
		if err := env.Print([]byte(escape.Text(admin+": "+text) + "\n")); err != nil {
			return err
		}
	}
	return command.JoinFailures(failures)
}

// NewResync returns the command resync.
func NewResync(env command.Environment) *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use:   "resync [--accept] [--admin URL]...",
		Short: "Compare the lists of gateways with their store now, and accept a store that was reset",
		Long: "Compare the lists of gateways with their store now. A gateway does not use a store that\n" +
			"came back empty, older or with another identity: it serves the lists from before,\n" +
			"refuses writes, and reports that here. With --accept it uses the store as it is, and\n" +
			"drops the lists from before. The gateways are asked one after the other.\n" +
			"ORIGINWARDEN_TOKEN is a token with the role admin for all tenants.",
		Example: "  originwarden resync --admin http://10.0.0.1:9090,http://10.0.0.2:9090\n" +
			"  originwarden resync --accept --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090",
	}
	defineOperation(env, cmd, func(ctx context.Context, c *http.Client, admin, token string) (string, error) {
		path := "/resync"
		if accept {
			path += "?accept=true"
		}
		var r readiness
		err := post(ctx, c, admin, path, token, &r)
		return fmt.Sprintf("in step with store %s at revision %d", r.Store.Identity, r.Revision), err
	})
	cmd.Flags().BoolVar(&accept, "accept", false, "accept the store in its current state after a reset")
	return cmd
}

// NewReload returns the command reload.
func NewReload(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload [--admin URL]...",
		Short: "Make gateways read their configuration again",
		Long: "Make gateways read their configuration again, as the signal SIGHUP does: tenants,\n" +
			"modes, tokens, limits and timeouts. Requests that are running are not interrupted. If\n" +
			"the configuration has a mistake, nothing changes, and the mistakes are printed, as are\n" +
			"keys whose new value needs a restart. The gateways are asked one after the other.\n" +
			"ORIGINWARDEN_TOKEN is a token with the role admin for all tenants.",
	}
	defineOperation(env, cmd, reload)
	return cmd
}

func reload(ctx context.Context, c *http.Client, admin, token string) (string, error) {
	var document struct {
		Tenants        int      `json:"tenants"`
		WaitForRestart []string `json:"waitForRestart"`
	}
	if err := post(ctx, c, admin, "/reload", token, &document); err != nil {
		return "", err
	}
	text := fmt.Sprintf("reloaded; tenants: %d", document.Tenants)
	if len(document.WaitForRestart) > 0 {
		text += "; a restart is needed for: " + strings.Join(document.WaitForRestart, ", ")
	}
	return text, nil
}
