package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"originwarden/api/client"
)

// make creates the web integration. With upsert, one of the same name is changed
// instead.
func (c creation) make(ctx context.Context, at *client.Client, upsert bool) (client.WebIntegration, error) {
	if upsert {
		there, err := named(ctx, at, c.Name)
		if err != nil {
			return client.WebIntegration{}, err
		}
		if there != "" {
			return c.update(ctx, at, there)
		}
	}
	return at.Create(ctx, c.Name, c.ValidOrigins)
}

// named returns the id of the only web integration of that name, or "".
func named(ctx context.Context, at *client.Client, name string) (id string, err error) {
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
	return "", fmt.Errorf("there are %d of that name, and --upsert does not say which is meant: %s", len(ids), strings.Join(ids, ", "))
}

// update gives a web integration the origins, unless it has them or none are
// said. What somebody else has changed meanwhile is left alone.
func (c creation) update(ctx context.Context, at *client.Client, id string) (client.WebIntegration, error) {
	is, err := at.Get(ctx, id)
	if err != nil || c.ValidOrigins == nil || slices.Equal(is.ValidOrigins, c.ValidOrigins) {
		return is, err
	}
	_, refused := at.Patch(ctx, id, []client.Operation{client.ReplaceValidOrigins(c.ValidOrigins...)}, is.ETag)
	if refused != nil && !errors.Is(refused, client.ErrPreconditionFailed) {
		return client.WebIntegration{}, refused
	}
	is, err = at.Get(ctx, id)
	// A repetition is refused also because the first one was made, and its answer
	// was lost.
	if refused != nil && (err != nil || is.Name != c.Name || !slices.Equal(is.ValidOrigins, c.ValidOrigins)) {
		return client.WebIntegration{}, refused
	}
	return is, err
}
