package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/envelope/escape"
)

// NewHealth returns the command health.
func NewHealth() *cobra.Command {
	var admin string
	var timeout time.Duration
	var ready bool
	cmd := &cobra.Command{
		Use:   "health [--admin URL]",
		Short: "Ask whether a gateway runs, for the health check of a container",
		Long: "Ask whether a gateway runs, for the health check of a container. The exit status is 0\n" +
			"if /healthz answers 200, and 1 otherwise. With --ready it asks /readyz. That also\n" +
			"fails while there are no lists yet, and while the gateway stops: then send it no\n" +
			"requests, but do not restart it.",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkURLs(admin); err != nil {
				return err
			}
			if timeout <= 0 {
				return errors.New("--timeout must be more than 0")
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			if err := checkHealth(cmd.Context(), admin, path, timeout); err != nil {
				return command.Failed(errors.New(escape.Text(fmt.Sprintf("%s: %v", admin+path, err))))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&admin, "admin", defaultURL, urlUsage)
	flags.DurationVar(&timeout, "timeout", 2*time.Second, "how long to wait for the response")
	flags.BoolVar(&ready, "ready", false, "ask whether it accepts requests")
	return cmd
}

func checkHealth(ctx context.Context, admin, path string, timeout time.Duration) error {
	c := newClient(timeout)
	defer c.CloseIdleConnections()
	a, err := send(ctx, c, http.MethodGet, admin, path, "")
	if err != nil || a.status == http.StatusOK {
		return err
	}
	var r readiness
	if a.decode(&r) == nil && r.Problem != "" {
		return errors.New(a.statusText() + ": " + r.Problem)
	}
	return errors.New(a.statusText())
}
