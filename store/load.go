package store

import (
	"context"
	"time"

	"originwarden/origins"
)

// Loader returns what a cache loads its lists with: reads of s that end within
// timeout.
func Loader(s Store, timeout time.Duration) origins.Loader {
	return func(ctx context.Context, tenant string) (*origins.List, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		revision, all, err := s.Load(ctx, tenant)
		if err != nil {
			return nil, err
		}
		parts := make([]origins.Part, len(all))
		for i := range all {
			parts[i] = all[i].Part()
		}
		return origins.NewList(revision, parts), nil
	}
}
