package webintegration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

func (s *shared) newPatch() *cobra.Command {
	var wanted patch
	var ifMatch string
	cmd := &cobra.Command{
		SuggestFor: []string{"update", "edit", "set"},
		Use:        "patch ID (--path PATH --value VALUE... | --body OPERATIONS | --file FILE)",
		Short:      "Change a web integration",
		Example: "  originwarden web-integration patch ID --path /name --value Shop\n" +
			"  originwarden web-integration patch ID --path /validOrigins --value https://shop.example --value http://localhost:3000\n" +
			"  originwarden web-integration patch ID --body '[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"Shop\"}]'",
		Args: command.Arguments(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			operations, err := wanted.operations(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return s.call("changing "+args[0], func(c *client.Client) ([]byte, error) {
				response, err := c.Patch(cmd.Context(), args[0], operations, entityTag(ifMatch))
				return s.output.formatWrite("changed", args[0], response), err
			})
		},
	}
	wanted.defineFlags(cmd)
	defineIfMatch(cmd, &ifMatch)
	return cmd
}

// patch is a JSON Patch, given in one of three ways.
type patch struct {
	op, path string
	values   []string
	body     string
	file     string
}

func (p *patch) defineFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.op, "op", "replace", "the operation; only replace is supported")
	flags.StringVar(&p.path, "path", "", "what to replace: /name or /validOrigins")
	flags.StringArrayVar(&p.values, "value", nil, "the new value; for /validOrigins it may be repeated, comma-separated, or a JSON string or array of strings")
	flags.StringVar(&p.body, "body", "", "the operations, as a JSON array")
	flags.StringVarP(&p.file, "file", "f", "", "a file with the operations; - is stdin")
	cmd.MarkFlagsRequiredTogether("path", "value")
	cmd.MarkFlagsOneRequired("path", "body", "file")
	for _, one := range []string{"op", "path"} {
		cmd.MarkFlagsMutuallyExclusive(one, "body")
		cmd.MarkFlagsMutuallyExclusive(one, "file")
	}
	cmd.MarkFlagsMutuallyExclusive("body", "file")
}

// operations returns the operations of the patch, which the server checks.
func (p *patch) operations(stdin io.Reader) ([]client.Operation, error) {
	var operations []client.Operation
	switch {
	case p.file != "":
		if err := readJSON(p.file, stdin, &operations); err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		return operations, nil
	case p.path == "":
		if err := decodeJSON(strings.NewReader(p.body), &operations); err != nil {
			return nil, fmt.Errorf("--body: %w", err)
		}
		return operations, nil
	case p.path == "/validOrigins":
		return []client.Operation{{Op: p.op, Path: p.path, Value: ParseOrigins(p.values)}}, nil
	case len(p.values) > 1:
		return nil, errors.New("--value can be repeated only for /validOrigins")
	}
	return []client.Operation{{Op: p.op, Path: p.path, Value: p.values[0]}}, nil
}

// maxFile is far more than a server accepts by default: api.limits.body is 1MiB.
const maxFile = 16 << 20

func readJSON(name string, stdin io.Reader, into any) error {
	f, err := command.OpenInput(name, stdin)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := command.ReadAtMost(f, maxFile)
	if err != nil {
		return err
	}
	return decodeJSON(bytes.NewReader(text), into)
}

// decodeJSON decodes one JSON value without unknown members: ignoring them could
// ignore what was meant.
func decodeJSON(from io.Reader, into any) error {
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	err := decoder.Decode(into)
	if err == io.EOF {
		return errors.New("it is empty")
	}
	if err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the JSON value")
	}
	return nil
}
