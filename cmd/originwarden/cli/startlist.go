package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"originwarden/cmd/originwarden/config"
	"originwarden/origins"
	"originwarden/store"
)

// startList is the name of the web integration that --origin is.
const startList = "serve --origin"

// checkStartList says what is wrong with the origins of --origin.
func checkStartList(cfg *config.Config, entries []string) error {
	var mistakes config.Mistakes
	wrong := func(format string, values ...any) {
		mistakes = append(mistakes, config.Mistake{Where: "--origin", Message: fmt.Sprintf(format, values...)})
	}
	switch {
	case len(entries) == 0:
		return nil
	case len(cfg.Tenants) != 1:
		wrong("the file has %d tenants, and the flag does not say which is meant", len(cfg.Tenants))
	case cfg.Store.URL.Remote():
		wrong("it is for a SQLite file; other gateways share the lists of %s", cfg.Store.URL)
	}
	problems := store.OriginProblems(entries)
	for i, entry := range entries {
		if problems[i] != nil {
			wrong("%q: %v", entry, problems[i])
		}
	}
	if mistakes == nil {
		return nil
	}
	return mistakes
}

// listAtStart makes a web integration of the only tenant list the entries, and no
// others.
func (s *service) listAtStart(ctx context.Context, entries []string) error {
	if len(entries) == 0 {
		return nil
	}
	tenant := s.cfg.Tenants[0].ID
	err := s.lists.Write(ctx, tenant, func(ctx context.Context) (origins.Change, error) {
		written, err := s.writeStartList(ctx, tenant, entries)
		return written.Change(), err
	})
	if err != nil {
		return fmt.Errorf("listing the origins of --origin: %w", err)
	}
	return nil
}

func (s *service) writeStartList(ctx context.Context, tenant string, entries []string) (store.WebIntegration, error) {
	_, all, err := s.store.Load(ctx, tenant)
	if err != nil {
		return store.WebIntegration{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, w := range all {
		if w.Name == startList {
			return s.store.Edit(ctx, tenant, w.ID, func(w *store.WebIntegration) error {
				if slices.Equal(w.ValidOrigins, entries) {
					return store.ErrUnchanged
				}
				w.ValidOrigins, w.LastUpdated = entries, now
				return nil
			})
		}
	}
	return s.store.Create(ctx, store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: startList, CreatedBy: "originwarden",
		Created: now, LastUpdated: now, ValidOrigins: entries,
	})
}
