package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/metrics"
	"originwarden/store"
	"originwarden/store/etcd"
)

// newLists returns the cache of the service's lists.
func (s *service) newLists() *lists.Cache {
	config := lists.Config{
		Store:        s.store,
		Bounds:       lists.Bounds{Tenants: s.cfg.Cache.Tenants, Origins: s.cfg.Cache.Origins},
		Timeout:      time.Duration(s.cfg.Store.Timeout),
		MaxStaleness: time.Duration(s.cfg.Cache.MaxStaleness),
		Revalidate:   time.Duration(s.cfg.Cache.Revalidate),
		AcceptReset:  s.cfg.Store.AcceptReset,
		Tenants:      func() []string { return *s.served.Load() },
		Report:       s.report,
	}
	if s.disk != nil {
		config.Disk = s.disk
	}
	return lists.New(config)
}

// report logs what happens between the cache and the store.
func (s *service) report(event lists.Event, err error) {
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
		s.log.Error(string(event)+": its lists are not taken, those from before are served, and the API refuses writes; see originwarden resync", zap.Error(err))
	case lists.ResetTaken:
		s.log.Warn(string(event))
	default:
		s.log.Warn(string(event), zap.Error(err))
	}
}

// startPatience is for how long a store on other machines is tried before the
// gateway starts without it.
const startPatience = 5 * time.Second

// reach reads the lists. Without a store on other machines the gateway starts
// all the same, and goes on trying.
func (s *service) reach(ctx context.Context) error {
	if !s.cfg.Store.URL.Remote() {
		if err := s.lists.CatchUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.cfg.Store.URL, err)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var trouble error // the last one that says more than that time was over
	for {
		err := s.lists.CatchUp(ctx)
		if trouble == nil || ctx.Err() == nil {
			trouble = err
		}
		switch {
		case err == nil, errors.Is(err, etcd.ErrNested):
			return err
		case ctx.Err() != nil, errors.Is(err, store.ErrReset), errors.Is(err, store.ErrMissing):
			trouble = hinted(trouble)
			s.ready.noLists(trouble)
			s.log.Warn("starting without the store", zap.Error(trouble), zap.Int("lists", s.lists.Stats().Tenants))
			return nil
		}
		select {
		case <-time.After(startPatience / 50):
		case <-ctx.Done():
		}
	}
}

// readSnapshot opens the directory of the last good lists, if there is one, and
// returns what it has. Lists that cannot be trusted are none.
func (s *service) readSnapshot(ctx context.Context) (saved *lists.Snapshot, err error) {
	saved = &lists.Snapshot{}
	dir := s.cfg.Cache.SnapshotDir
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

// restore takes lists from the disk. They are served until the store tells more.
func (s *service) restore(saved *lists.Snapshot) {
	if saved.At == (store.Position{}) {
		return
	}
	s.lists.Restore(saved)
	s.log.Info("took the lists on disk", zap.Int("lists", len(saved.Lists)), zap.Uint64("revision", saved.At.Revision), zap.Time("confirmed", saved.Confirmed))
}

// feed is how current the lists are, as the metrics show it.
func (s *service) feed() metrics.Feed {
	state := s.lists.State()
	return metrics.Feed{
		InForce: state.InForce.Revision, Newest: state.Newest, Confirmed: state.Confirmed,
		Up: state.Up, Reset: state.Reset != nil, Resumes: state.Resumes, Ready: s.ready.problem() == "",
	}
}
