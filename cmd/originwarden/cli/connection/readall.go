package connection

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"

	"originwarden/api/client"
)

// maxReadings limits how often a server is read while others keep changing it.
const maxReadings = 10

// ReadAll reads all web integrations, ordered by id, until two readings in a row are
// equal. Pages are read one after the other: a web integration that is renamed
// meanwhile may be on two of them, or on none.
func ReadAll(ctx context.Context, c *client.Client) ([]client.WebIntegration, error) {
	var before []client.WebIntegration
	for range maxReadings {
		now, err := readOnce(ctx, c)
		if err != nil {
			return nil, err
		}
		if before != nil && reflect.DeepEqual(before, now) && !hasRepeatedID(now) {
			return now, nil
		}
		before = now
	}
	return nil, errors.New("the server's web integrations keep changing")
}

// readOnce returns the web integrations ordered by id. The result is never nil.
func readOnce(ctx context.Context, c *client.Client) ([]client.WebIntegration, error) {
	all := []client.WebIntegration{}
	for w, err := range c.All(ctx, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b client.WebIntegration) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// hasRepeatedID takes web integrations ordered by id.
func hasRepeatedID(all []client.WebIntegration) bool {
	distinct := slices.CompactFunc(slices.Clone(all), func(a, b client.WebIntegration) bool { return a.ID == b.ID })
	return len(distinct) < len(all)
}
