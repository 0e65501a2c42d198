package webintegration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/command"
)

func (s *shared) newCreate() *cobra.Command {
	var file string
	var upsert bool
	var fromFlags creation
	cmd := &cobra.Command{
		Use:   "create --name NAME [--validOrigins ORIGIN]...",
		Short: "Create a web integration",
		Example: "  originwarden web-integration create --name Shop --validOrigins https://shop.example,http://localhost:3000\n" +
			"  originwarden web-integration create --upsert --name Shop --validOrigins https://shop.example --validOrigins http://localhost:3000\n" +
			"  originwarden web-integration create --name Shop --validOrigins '[\"https://shop.example\"]'\n" +
			"  originwarden web-integration create --file shop.json",
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := fromFlags.mergeFile(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			create := wanted.create
			if upsert {
				create = wanted.upsert
			}
			return s.call("creating "+wanted.Name, func(c *client.Client) ([]byte, error) {
				created, err := create(cmd.Context(), c)
				return s.output.formatOne(created), err
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&fromFlags.Name, "name", "", "its name")
	flags.StringArrayVar(&fromFlags.ValidOrigins, "validOrigins", nil, "an origin; may be repeated, comma-separated, or a JSON string or array of strings")
	flags.BoolVar(&upsert, "upsert", false, "if there is one of that name, change its origins to these instead")
	flags.StringVarP(&file, "file", "f", "", "a JSON file with what the flags do not say; - is stdin")
	return cmd
}

// creation is a web integration to create.
type creation struct {
	Name         string   `json:"name"`
	ValidOrigins []string `json:"validOrigins"`
}

// mergeFile returns what the flags say, and what the file says where the flags
// say nothing.
func (c creation) mergeFile(file string, stdin io.Reader) (creation, error) {
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
		wanted.ValidOrigins = ParseOrigins(c.ValidOrigins)
	}
	if wanted.Name == "" {
		return creation{}, errors.New("there is no name: give --name")
	}
	return wanted, nil
}

func (c creation) create(ctx context.Context, to *client.Client) (client.WebIntegration, error) {
	return to.Create(ctx, c.Name, c.ValidOrigins)
}

// upsert changes the web integration of that name, or creates it.
func (c creation) upsert(ctx context.Context, to *client.Client) (client.WebIntegration, error) {
	id, err := findByName(ctx, to, c.Name)
	switch {
	case err != nil:
		return client.WebIntegration{}, err
	case id == "":
		return c.create(ctx, to)
	}
	return c.update(ctx, to, id)
}

// findByName returns the id of the only web integration of that name, or "".
func findByName(ctx context.Context, at *client.Client, name string) (id string, err error) {
	var ids []string
	for w, err := range at.All(ctx, client.ListOptions{}) {
		if err != nil {
			return "", err
		}
		if w.Name == name {
			ids = append(ids, w.ID)
		}
	}
	switch len(ids) {
	case 0:
		return "", nil
	case 1:
		return ids[0], nil
	}
	return "", fmt.Errorf("%d web integrations have that name; patch one by id: %s", len(ids), strings.Join(ids, ", "))
}

// update changes the origins of a web integration, unless they are equal or none
// are given. It does not overwrite a concurrent change.
func (c creation) update(ctx context.Context, at *client.Client, id string) (client.WebIntegration, error) {
	found, err := at.Get(ctx, id)
	if err != nil || c.ValidOrigins == nil || slices.Equal(found.ValidOrigins, c.ValidOrigins) {
		return found, err
	}
	_, refused := at.Patch(ctx, id, []client.Operation{client.ReplaceValidOrigins(c.ValidOrigins...)}, found.ETag)
	if refused != nil && !errors.Is(refused, client.ErrPreconditionFailed) {
		return client.WebIntegration{}, refused
	}
	found, err = at.Get(ctx, id)
	// The client repeats a request whose response was lost. If the first one
	// succeeded, the second is refused although the origins are as wanted.
	if refused != nil && (err != nil || found.Name != c.Name || !slices.Equal(found.ValidOrigins, c.ValidOrigins)) {
		return client.WebIntegration{}, refused
	}
	return found, err
}
