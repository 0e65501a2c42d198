// Package webintegration has the commands that read and change a tenant's web
// integrations over the API, and the one that prints the origins it refused.
package webintegration

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/cli/connection"
)

// shared is what the commands share: how to reach the server, and how to print
// its responses.
type shared struct {
	env    command.Environment
	flags  connection.Flags
	output output
}

// New returns the command web-integration.
func New(env command.Environment) *cobra.Command {
	s := &shared{env: env}
	cmd := &cobra.Command{
		Use:        "web-integration",
		SuggestFor: []string{"webintegration", "webintegrations", "wi"},
		Short:      "Read and change a tenant's web integrations over the API",
		Long: "Read and change a tenant's web integrations over the API, here or at any server of\n" +
			"the same API. ORIGINWARDEN_SERVER is the URL of the tenant's host, ORIGINWARDEN_TOKEN\n" +
			"the token. If the server limits the rate of requests, a command waits for a minute at\n" +
			"most. Give an id that begins with - after --.",
		Args: command.OnlyCommands,
		RunE: command.ShowHelp,
	}
	s.flags.Define(cmd)
	s.output.defineFlags(cmd, "print ids only")
	cmd.AddCommand(s.newList(), s.newGet(), s.newCreate(), s.newPatch(), s.newAddOrigin(), s.newRemoveOrigin(), s.newRemove(), s.newHistory(), s.newUndo())
	return cmd
}

// call calls the server and prints what do returns. doing names the call in an
// error.
func (s *shared) call(doing string, do func(*client.Client) ([]byte, error)) error {
	c, err := s.flags.Client(s.env)
	if err != nil {
		return err
	}
	text, err := do(c)
	if err != nil {
		return connection.Failure(doing, err)
	}
	return s.env.Print(text)
}

func (s *shared) newGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Print one web integration",
		Args:  command.Arguments(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.call("reading "+args[0], func(c *client.Client) ([]byte, error) {
				read, err := c.Get(cmd.Context(), args[0])
				return s.output.formatOne(read), err
			})
		},
	}
}

func (s *shared) newRemove() *cobra.Command {
	var ifMatch string
	cmd := &cobra.Command{
		Use:        "rm ID...",
		SuggestFor: []string{"delete", "remove"},
		Short:      "Delete web integrations",
		Args:       command.Arguments(1, 0, "ID..."),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if ifMatch != "" && len(ids) > 1 {
				return errors.New("--if-match is for one id")
			}
			return s.deleteAll(cmd.Context(), ids, entityTag(ifMatch))
		},
	}
	defineIfMatch(cmd, &ifMatch)
	return cmd
}

// deleteAll deletes the web integrations, and continues after errors.
func (s *shared) deleteAll(ctx context.Context, ids []string, ifMatch string) error {
	c, err := s.flags.Client(s.env)
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range ids {
		response, err := c.Delete(ctx, id, ifMatch)
		if err != nil {
			failures = append(failures, connection.Failure("deleting "+id, err))
			continue
		}
		if err := s.env.Print(s.output.formatWrite("deleted", id, response)); err != nil {
			return err
		}
	}
	return command.JoinFailures(failures)
}

func defineIfMatch(cmd *cobra.Command, ifMatch *string) {
	cmd.Flags().StringVar(ifMatch, "if-match", "", "fail unless the web integration still has this ETag, which get prints")
}

// entityTag returns the If-Match of a flag whose quotes a shell may have removed.
func entityTag(flag string) string {
	if flag == "" || flag == "*" || strings.Contains(flag, `"`) {
		return flag
	}
	return `"` + flag + `"`
}
