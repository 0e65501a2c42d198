package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"originwarden/origins"
	"originwarden/store"
)

// StartList is a web integration of the first tenant. When the server starts, the
// one of its name lists its origins and no others. It is made if it is missing. Name is
// also the author in the history.
type StartList struct {
	Name    string
	Origins []string // none: there is no such web integration
}

func (s *Server) writeStartList(ctx context.Context) error {
	list := s.options.StartList
	if len(list.Origins) == 0 {
		return nil
	}
	tenant := s.started.Tenants[0].ID // it is no group: see cli
	ctx = store.WithAuthor(ctx, list.Name)
	err := s.lists.Write(ctx, tenant, func(ctx context.Context) (origins.Change, error) {
		written, err := s.commitStartList(ctx, tenant, list)
		return written.Change(), err
	})
	if err != nil {
		return fmt.Errorf("writing the list of %s: %w", list.Name, err)
	}
	return nil
}

func (s *Server) commitStartList(ctx context.Context, tenant string, list StartList) (store.WebIntegration, error) {
	_, all, err := s.store.Load(ctx, tenant)
	if err != nil {
		return store.WebIntegration{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, w := range all {
		if w.Name == list.Name {
			return s.store.Edit(ctx, tenant, w.ID, func(w *store.WebIntegration) error {
				if slices.Equal(w.ValidOrigins, list.Origins) {
					return store.ErrUnchanged
				}
				w.ValidOrigins, w.LastUpdated = list.Origins, now
				return nil
			})
		}
	}
	return s.store.Create(ctx, store.WebIntegration{
		ID: store.NewID(), TenantID: tenant, Name: list.Name, CreatedBy: "originwarden",
		Created: now, LastUpdated: now, ValidOrigins: list.Origins,
	})
}
