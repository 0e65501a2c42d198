package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/server/readiness"
)

func newHealth() *cobra.Command {
	var admin string
	var timeout time.Duration
	var ready bool
	cmd := &cobra.Command{
		Use:   "health [--admin URL]",
		Short: "Ask whether a gateway runs, for the health check of a container",
		Long: "Ask whether a gateway runs, for the health check of a container: the exit status is 0\n" +
			"if /healthz answers 200, and 1 otherwise. With --ready it is /readyz, which also says\n" +
			"no when there are no lists yet and when the gateway is stopping: a reason to send it\n" +
			"no requests, but none to restart it.",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAdmin(admin); err != nil {
				return err
			}
			if timeout <= 0 {
				return errors.New("--timeout: it has to be more than 0")
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			return command.Failed(health(cmd.Context(), admin, path, timeout))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&admin, "admin", adminDefault, adminUsage)
	flags.DurationVar(&timeout, "timeout", 2*time.Second, "for how long to wait for the answer")
	flags.BoolVar(&ready, "ready", false, "ask whether it takes requests")
	return cmd
}

func health(ctx context.Context, admin, path string, timeout time.Duration) error {
	gateway := newOperators(timeout)
	defer gateway.CloseIdleConnections()
	a, err := gateway.ask(ctx, http.MethodGet, admin, path, "")
	if err == nil && a.status != http.StatusOK {
		err = errors.New(a.statusText())
		var d readiness.Document
		if json.Unmarshal(a.body, &d) == nil && d.Problem != "" {
			err = fmt.Errorf("%w: %s", err, d.Problem)
		}
	}
	if err != nil {
		return errors.New(escape.Text(fmt.Sprintf("%s: %v", admin+path, err)))
	}
	return nil
}
