package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/escape"
)

// webIntegrations is what the commands of web-integration share: how to reach
// the server, and how to show what it answers.
type webIntegrations struct {
	env               Environment
	server, tokenFile string
	connection        connection
	showing           showing
}

func newWebIntegrationCommand(env Environment) *cobra.Command {
	w := &webIntegrations{env: env}
	cmd := &cobra.Command{
		Use:        "web-integration",
		SuggestFor: []string{"webintegration", "webintegrations", "wi"},
		Short:      "Read and change a tenant's web integrations over the API",
		Long: "Read and change a tenant's web integrations over the API, here or at any server of\n" +
			"the same API. ORIGINWARDEN_SERVER is the URL of the tenant's host, ORIGINWARDEN_TOKEN\n" +
			"the token. When the server limits the rate of requests, a command waits for a minute\n" +
			"at most. An id that begins with - is given after --.",
		Args: command.OnlyCommands,
		RunE: command.ShowHelp,
	}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&w.server, "server", "s", "", "the URL of the tenant's host (default: ORIGINWARDEN_SERVER)")
	flags.StringVar(&w.tokenFile, "token-file", "", "a file that holds the token (default: ORIGINWARDEN_TOKEN is the token)")
	w.connection.flags(flags)
	flags.BoolVarP(&w.showing.ids, "quiet", "q", false, "print ids only")
	flags.BoolVar(&w.showing.raw, "raw", false, "print the server's answer, byte for byte")
	flags.BoolVar(&w.showing.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("quiet", "raw", "json")
	w.connection.exclude(cmd)
	cmd.AddCommand(w.list(), w.get(), w.create(), w.patch(), w.remove())
	return cmd
}

// get is the command that reads one web integration.
func (w *webIntegrations) get() *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Print one web integration",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := w.client()
			if err != nil {
				return err
			}
			read, err := c.Get(cmd.Context(), args[0])
			if err != nil {
				return told("reading "+args[0], err)
			}
			return w.env.Print(w.showing.one(read))
		},
	}
}

// remove is the command that deletes web integrations.
func (w *webIntegrations) remove() *cobra.Command {
	var ifMatch string
	cmd := &cobra.Command{
		Use:        "rm ID...",
		SuggestFor: []string{"delete", "remove"},
		Short:      "Delete web integrations",
		Args:       cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if ifMatch != "" && len(ids) > 1 {
				return errors.New("--if-match is for one id")
			}
			return w.delete(cmd.Context(), ids, entityTag(ifMatch))
		},
	}
	ifMatchFlag(cmd, &ifMatch)
	return cmd
}

// delete deletes each that it can.
func (w *webIntegrations) delete(ctx context.Context, ids []string, ifMatch string) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range ids {
		answer, err := c.Delete(ctx, id, ifMatch)
		if err != nil {
			failures = append(failures, told("deleting "+id, err))
			continue
		}
		if err := w.env.Print(w.showing.write("deleted", id, answer)); err != nil {
			return err
		}
	}
	return command.JoinFailures(failures)
}

func ifMatchFlag(cmd *cobra.Command, ifMatch *string) {
	cmd.Flags().StringVar(ifMatch, "if-match", "", "do it only if this is the ETag that get prints")
}

// entityTag is what If-Match says for a flag whose quotes a shell may have
// taken.
func entityTag(flag string) string {
	if flag == "" || flag == "*" || strings.Contains(flag, `"`) {
		return flag
	}
	return `"` + flag + `"`
}

// client returns what the commands call the API with.
func (w *webIntegrations) client() (*client.Client, error) {
	server := cmp.Or(w.server, w.env.Getenv("ORIGINWARDEN_SERVER"))
	if server == "" {
		return nil, errors.New("there is no server: set ORIGINWARDEN_SERVER, or give --server")
	}
	token, err := w.token()
	if err != nil {
		return nil, err
	}
	c := &client.Client{Server: server, Token: token, OnWait: w.tellOfWait, OnRetry: w.tellOfRetry}
	return c, w.connection.apply(c)
}

// token is never the value of a flag: everybody on the machine could read it.
func (w *webIntegrations) token() (string, error) {
	token := w.env.Getenv("ORIGINWARDEN_TOKEN")
	if w.tokenFile != "" {
		text, err := readFile(w.tokenFile, nil, 64<<10)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		token = string(text)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("there is no token: set ORIGINWARDEN_TOKEN, or give --token-file")
	}
	return token, nil
}

// readFile reads a file of at most limit bytes. "-" is stdin, where there is
// one.
func readFile(name string, stdin io.Reader, limit int64) ([]byte, error) {
	from := stdin
	if name != "-" || stdin == nil {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return text, err
}

func (w *webIntegrations) tellOfWait(d time.Duration) {
	fmt.Fprintf(w.env.Stderr, "originwarden: the server limits the rate of requests, waiting for %v\n", d)
}

func (w *webIntegrations) tellOfRetry(err error) {
	fmt.Fprintf(w.env.Stderr, "originwarden: %s, trying again\n", escape.Text(err.Error()))
}
