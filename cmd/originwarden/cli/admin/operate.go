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

// operation has one gateway do something for an operator, whose token it sends,
// and returns what to print.
type operation func(ctx context.Context, c *http.Client, admin, token string) (text string, err error)

// operationTimeout leaves time to read all lists again.
const operationTimeout = time.Minute

// complete has cmd run the operation at the gateways of its flags.
func (do operation) complete(env command.Environment, cmd *cobra.Command) *cobra.Command {
	var admins []string
	var token connection.Token
	cmd.Args = command.NoArguments
	cmd.Flags().StringSliceVar(&admins, "admin", []string{defaultURL}, urlUsage+"; may be repeated, and be several with commas")
	token.Define(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkURLs(admins...); err != nil {
			return err
		}
		text, err := token.Read(env)
		if err != nil {
			return err
		}
		return do.runAll(cmd.Context(), env, admins, text)
	}
	return cmd
}

// runAll asks every gateway, also if others fail.
func (do operation) runAll(ctx context.Context, env command.Environment, admins []string, token string) error {
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
	var resync operation = func(ctx context.Context, c *http.Client, admin, token string) (string, error) {
		path := "/resync"
		if accept {
			path += "?accept=true"
		}
		var r readiness
		err := post(ctx, c, admin, path, token, &r)
		return fmt.Sprintf("in step with store %s at revision %d", r.Store.Identity, r.Revision), err
	}
	cmd := resync.complete(env, &cobra.Command{
		Use:   "resync [--accept] [--admin URL]...",
		Short: "Have gateways compare with their store now, and accept one that was reset",
		Long: "Have gateways compare with their store now. A gateway does not use a store that came\n" +
			"back empty, older or with another identity: it serves the lists from before, refuses\n" +
			"writes, and reports that here. With --accept it uses the store as it is, and drops the\n" +
			"lists from before. The gateways are asked one after the other. ORIGINWARDEN_TOKEN is\n" +
			"a token with the role admin for all tenants.",
		Example: "  originwarden resync --admin http://10.0.0.1:9090,http://10.0.0.2:9090\n" +
			"  originwarden resync --accept --admin http://10.0.0.1:9090 --admin http://10.0.0.2:9090",
	})
	cmd.Flags().BoolVar(&accept, "accept", false, "accept the store in its current state after a reset")
	return cmd
}

// NewReload returns the command reload.
func NewReload(env command.Environment) *cobra.Command {
	return operation(reload).complete(env, &cobra.Command{
		Use:   "reload [--admin URL]...",
		Short: "Have gateways read their configuration again",
		Long: "Have gateways read their configuration again, as the signal SIGHUP does: tenants,\n" +
			"modes, tokens, limits and timeouts. Requests that are running are not interrupted. If\n" +
			"the configuration has a mistake, nothing changes, and the mistakes are printed, as are\n" +
			"keys whose new value needs a restart. The gateways are asked one after the other.\n" +
			"ORIGINWARDEN_TOKEN is a token with the role admin for all tenants.",
	})
}

func reload(ctx context.Context, c *http.Client, admin, token string) (string, error) {
	var document struct {
		Tenants        int      `json:"tenants"`
		WaitForRestart []string `json:"waitForRestart"`
	}
	if err := post(ctx, c, admin, "/reload", token, &document); err != nil {
		return "", err
	}
	text := fmt.Sprintf("serves %d tenants by its configuration", document.Tenants)
	if len(document.WaitForRestart) > 0 {
		text += "; these keys wait for a restart: " + strings.Join(document.WaitForRestart, ", ")
	}
	return text, nil
}
