package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
	"originwarden/envelope/escape"
)

// NewFleet returns the command fleet.
func NewFleet(env command.Environment) *cobra.Command {
	var admin string
	var asJSON bool
	var token connection.Token
	cmd := &cobra.Command{
		Use:   "fleet [--admin URL]",
		Short: "Print the gateways of a store, and how current their lists are",
		Long: "Print the gateways of a store, and how current their lists are, as any one of them knows\n" +
			"it. Each says every ten seconds how it is; one that ended without saying so is shown for a\n" +
			"minute. ORIGINWARDEN_TOKEN is a token for all tenants.",
		Example: "  originwarden fleet --admin http://10.0.0.1:9090\n" +
			"  originwarden fleet --json",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkURLs(admin); err != nil {
				return err
			}
			secret, err := token.Read(env)
			if err != nil {
				return err
			}
			fleet, err := readFleet(cmd.Context(), admin, secret)
			if err != nil {
				return connection.Failure(admin, err)
			}
			return env.Print(formatFleet(fleet, asJSON, time.Now()))
		},
	}
	cmd.Flags().StringVar(&admin, "admin", defaultURL, urlUsage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	token.Define(cmd)
	return cmd
}

func readFleet(ctx context.Context, admin, token string) (fleet client.Fleet, err error) {
	c := newClient(operationTimeout)
	defer c.CloseIdleConnections()
	r, err := send(ctx, c, http.MethodGet, admin, "/gateways", token)
	switch {
	case err != nil:
		return fleet, err
	case r.status != http.StatusOK:
		return fleet, r.statusError()
	}
	return fleet, r.decode(&fleet)
}

func formatFleet(fleet client.Fleet, asJSON bool, now time.Time) []byte {
	var text bytes.Buffer
	if asJSON {
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(fleet) // into memory
		return escape.JSON(text.Bytes())
	}
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "HOST\tGATEWAY\tVERSION\tSTARTED\tHEARD\tREVISION\tCONFIRMED\tPROBLEMS")
	for _, g := range fleet.Gateways {
		row := []string{g.Host, g.Gateway, g.Version, g.Started.UTC().Format(time.RFC3339), ago(g.Beat, now), fmt.Sprint(g.InForce), ago(g.Confirmed, now), strings.Join(g.Problems, "; ")}
		for i := range row {
			row[i] = escape.Text(row[i])
		}
		fmt.Fprintln(columns, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = columns.Flush() // into memory
	return text.Bytes()
}

// ago returns how long ago a time was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return max(0, now.Sub(t)).Round(time.Second).String() + " ago"
}
