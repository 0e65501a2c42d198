package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/stores"
	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/store"
	"originwarden/store/etcd"
)

func (s *Server) newLists() *lists.Cache {
	config := lists.Config{
		Store:        s.store,
		Bounds:       lists.Bounds{Tenants: s.started.Cache.Tenants, Origins: s.started.Cache.Origins},
		Timeout:      time.Duration(s.started.Store.Timeout),
		MaxStaleness: time.Duration(s.started.Cache.MaxStaleness),
		Revalidate:   time.Duration(s.started.Cache.Revalidate),
		AcceptReset:  s.started.Store.AcceptReset,
		Tenants:      func() []string { return s.current.Load().tenants },
		Report:       s.logLists,
	}
	if s.disk != nil {
		config.Disk = s.disk
	}
	return lists.New(config)
}

// logLists logs an event between the lists and the store.
func (s *Server) logLists(event lists.Event, err error) {
	switch event {
	case lists.ListsLoaded:
		s.warnOfNewStore()
		if err == nil {
			s.warnOfOrigins()
		}
	case lists.StoreBack, lists.ListsKept:
		s.log.Info(string(event))
	case lists.ListsNotKept:
		s.log.Error(string(event), zap.Error(err))
	case lists.StoreReset:
		s.log.Error(string(event)+": the gateway keeps its previous lists and the API refuses writes; see originwarden resync", zap.Error(err))
	case lists.StoreAccepted:
		s.log.Warn(string(event))
	default:
		s.log.Warn(string(event), zap.Error(err))
	}
}

// startTimeout is how long a remote store is tried before the gateway starts
// without it.
const startTimeout = 5 * time.Second

// loadLists loads the lists. If a remote store is unreachable, the gateway starts
// without it and keeps trying. It does not start with lists on disk if the store cannot
// be used by this version: they would never follow it again.
func (s *Server) loadLists(ctx context.Context) error {
	if !s.started.Store.URL.Remote() {
		if err := s.lists.CatchUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.started.Store.URL, err)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var last error // that is not just the end of ctx
	for {
		err := s.lists.CatchUp(ctx)
		if last == nil || ctx.Err() == nil {
			last = err
		}
		switch {
		case err == nil, errors.Is(err, etcd.ErrNested), errors.Is(err, store.ErrNewer):
			return err
		case ctx.Err() != nil, errors.Is(err, store.ErrReset), errors.Is(err, store.ErrMissing):
			last = stores.WithHint(last)
			s.readiness.SetListsError(last)
			s.log.Warn("starting without the store", zap.Error(last), zap.Int("lists", s.lists.Stats().Tenants))
			return nil
		}
		select {
		case <-time.After(startTimeout / 50):
		case <-ctx.Done():
		}
	}
}

// loadNewTenants loads the lists of new tenants before a request needs them.
func (s *Server) loadNewTenants(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.started.Store.Timeout))
	defer cancel()
	if err := s.lists.Preload(ctx); err != nil {
		s.log.Warn("loading the lists of new tenants failed", zap.Error(err))
	}
}

// readSnapshot opens the directory of the last good lists, if one is configured,
// and reads them. Lists that cannot be trusted are not used.
func (s *Server) readSnapshot(ctx context.Context) (saved *lists.Snapshot, err error) {
	saved = &lists.Snapshot{}
	dir := s.started.Cache.SnapshotDir
	if dir == "" {
		return saved, nil
	}
	if s.disk, err = disk.Open(ctx, dir); err != nil {
		return saved, err
	}
	read, err := s.disk.Read()
	switch {
	case errors.Is(err, disk.ErrNone):
		s.log.Info("there are no lists on disk yet", zap.String("dir", dir))
	case err != nil:
		s.log.Error("the lists on disk are not used", zap.Error(err))
	default:
		saved = read
	}
	return saved, nil
}

// restore serves the lists from the disk until the store has been reached.
func (s *Server) restore(saved *lists.Snapshot) {
	if saved.At == (store.Position{}) {
		return
	}
	s.lists.Restore(saved)
	s.log.Info("using the lists on disk", zap.Int("lists", len(saved.Lists)), zap.Uint64("revision", saved.At.Revision), zap.Time("confirmed", saved.Confirmed))
}
