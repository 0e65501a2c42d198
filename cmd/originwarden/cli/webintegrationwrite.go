package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

// create is the command that makes a web integration.
func (w *webIntegrations) create() *cobra.Command {
	var file string
	var upsert bool
	var given creation
	cmd := &cobra.Command{
		Use:   "create --name NAME [--validOrigins ORIGIN]...",
		Short: "Make a web integration",
		Example: "  originwarden web-integration create --name Shop --validOrigins https://shop.example,http://localhost:3000\n" +
			"  originwarden web-integration create --upsert --name Shop --validOrigins https://shop.example --validOrigins http://localhost:3000\n" +
			"  originwarden web-integration create --name Shop --validOrigins '[\"https://shop.example\"]'\n" +
			"  originwarden web-integration create --file shop.json",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := given.over(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			c, err := w.client()
			if err != nil {
				return err
			}
			made, err := wanted.make(cmd.Context(), c, upsert)
			if err != nil {
				return told("creating "+wanted.Name, err)
			}
			return w.env.Print(w.showing.one(made))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&given.Name, "name", "", "its name")
	flags.StringArrayVar(&given.ValidOrigins, "validOrigins", nil, "an origin; may be repeated, be several with commas, and be a JSON string or array of strings")
	flags.BoolVar(&upsert, "upsert", false, "if there is one of that name, change its origins to these, and create none")
	flags.StringVarP(&file, "file", "f", "", "a JSON file that holds what the flags do not say; - is stdin")
	return cmd
}

// creation is what can be said of a new web integration.
type creation struct {
	Name         string   `json:"name"`
	ValidOrigins []string `json:"validOrigins"`
}

// over returns what the flags say, and where they say nothing, the file.
func (c creation) over(file string, stdin io.Reader) (creation, error) {
	var wanted creation
	if file != "" {
		if err := readJSON(file, stdin, &wanted); err != nil {
			return creation{}, fmt.Errorf("--file: %w", err)
		}
	}
	if c.Name != "" {
		wanted.Name = c.Name
	}
	if c.ValidOrigins != nil {
		wanted.ValidOrigins = entriesOf(c.ValidOrigins)
	}
	if wanted.Name == "" {
		return creation{}, errors.New("there is no name: give --name")
	}
	return wanted, nil
}

// patch is the command that changes a web integration.
func (w *webIntegrations) patch() *cobra.Command {
	var given patching
	var ifMatch string
	cmd := &cobra.Command{
		SuggestFor: []string{"update", "edit", "set"},
		Use:        "patch ID (--path PATH --value VALUE... | --body OPERATIONS | --file FILE)",
		Short:      "Change a web integration",
		Example: "  originwarden web-integration patch ID --path /name --value Shop\n" +
			"  originwarden web-integration patch ID --path /validOrigins --value https://shop.example --value http://localhost:3000\n" +
			"  originwarden web-integration patch ID --body '[{\"op\":\"replace\",\"path\":\"/name\",\"value\":\"Shop\"}]'",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			operations, err := given.operations(cmd.InOrStdin())
			if err != nil {
				return err
			}
			c, err := w.client()
			if err != nil {
				return err
			}
			answer, err := c.Patch(cmd.Context(), args[0], operations, entityTag(ifMatch))
			if err != nil {
				return told("changing "+args[0], err)
			}
			return w.env.Print(w.showing.write("changed", args[0], answer))
		},
	}
	given.flags(cmd)
	ifMatchFlag(cmd, &ifMatch)
	return cmd
}

// patching is what patch is told to do, in one of three ways.
type patching struct {
	op, path string
	values   []string
	body     string
	file     string
}

func (p *patching) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.op, "op", "replace", "the operation, which is replace")
	flags.StringVar(&p.path, "path", "", "what to replace: /name or /validOrigins")
	flags.StringArrayVar(&p.values, "value", nil, "the new value; for /validOrigins it may be repeated, be several with commas, and be a JSON string or array of strings")
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

// operations returns the JSON Patch. What is wrong with an operation is for the
// server to tell.
func (p *patching) operations(stdin io.Reader) ([]client.Operation, error) {
	var operations []client.Operation
	switch {
	case p.file != "":
		if err := readJSON(p.file, stdin, &operations); err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		return operations, nil
	case p.path == "":
		if err := decode([]byte(p.body), &operations); err != nil {
			return nil, fmt.Errorf("--body: %w", err)
		}
		return operations, nil
	case p.path == "/validOrigins":
		return []client.Operation{{Op: p.op, Path: p.path, Value: entriesOf(p.values)}}, nil
	case len(p.values) > 1:
		return nil, errors.New("--value: only /validOrigins has several")
	}
	return []client.Operation{{Op: p.op, Path: p.path, Value: p.values[0]}}, nil
}

// maxFile is far above what a server takes.
const maxFile = 16 << 20

func readJSON(name string, stdin io.Reader, into any) error {
	text, err := readFile(name, stdin, maxFile)
	if err != nil {
		return err
	}
	return decode(text, into)
}

// decode reads JSON that nothing follows and that has no other members than
// what is expected: what would be left out silently may have been meant.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return nil
}
