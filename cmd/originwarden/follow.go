package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/lists"
	"originwarden/lists/disk"
	"originwarden/metrics"
	"originwarden/store"
	"originwarden/store/etcd"
)

// newFollower returns what keeps the service's lists at its store.
func (s *service) newFollower() *store.Follower {
	return &store.Follower{
		Store:       s.store,
		Lists:       s.lists,
		Timeout:     time.Duration(s.cfg.Store.Timeout),
		Revalidate:  time.Duration(s.cfg.Cache.Revalidate),
		AcceptReset: s.cfg.Store.AcceptReset,
		Prepare:     s.loadLists,
		Report:      s.report,
	}
}

// parallelLoads is how many lists are read at once.
const parallelLoads = 16

// loadLists fills the cache up to its bounds: beyond them a list would only put
// out another one. A list that cannot be read keeps nobody from the others, but
// it is an error as long as there is one.
func (s *service) loadLists(ctx context.Context) error {
	tenants := *s.served.Load()
	tenants = tenants[:min(len(tenants), s.cfg.Cache.Tenants)]
	var failed failedLoads
	var readers sync.WaitGroup
	next := make(chan string)
	for range min(parallelLoads, len(tenants)) {
		readers.Go(func() {
			for tenant := range next {
				_, err := s.lists.List(ctx, tenant)
				failed.note(tenant, err)
			}
		})
	}
	for _, tenant := range tenants {
		if ctx.Err() != nil || s.lists.Stats().Origins >= s.cfg.Cache.Origins {
			break
		}
		next <- tenant
	}
	close(next)
	readers.Wait()
	if ctx.Err() == nil && failed.count < len(tenants) {
		s.ready.loaded()
		s.warnOfNewStore(ctx)
	}
	if ctx.Err() == nil && failed.count == 0 {
		s.warnOfOrigins(len(tenants))
	}
	return cmp.Or(failed.err(s.cfg.Store.URL), ctx.Err())
}

// failedLoads are lists that could not be read. It may be used concurrently.
type failedLoads struct {
	mu     sync.Mutex
	count  int
	tenant string // the first
	cause  error
}

func (f *failedLoads) note(tenant string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count++; f.count == 1 {
		f.tenant, f.cause = tenant, err
	}
}

func (f *failedLoads) err(from config.StoreURL) error {
	switch {
	case f.count == 0:
		return nil
	case f.count == 1:
		return fmt.Errorf("reading the list of tenant %s from %s: %w", f.tenant, from, f.cause)
	}
	return fmt.Errorf("reading the list of tenant %s from %s: %w (and those of %d others)", f.tenant, from, f.cause, f.count-1)
}

// report logs what happens between the cache and the store.
func (s *service) report(event store.Event, err error) {
	switch event {
	case store.StoreBack:
		s.log.Info(string(event))
	case store.StoreReset:
		s.log.Error(string(event)+": its lists are not taken, those from before are served, and the API refuses writes; see originwarden resync", zap.Error(err))
	case store.ResetTaken:
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
		return s.follower.CatchUp(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var trouble error // the last one that says more than that time was over
	for {
		err := s.follower.CatchUp(ctx)
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
func (s *service) readSnapshot(ctx context.Context) (saved lists.Snapshot, err error) {
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
		saved = *read
	}
	return saved, nil
}

// restore takes lists from the disk. They are served until the store tells more.
func (s *service) restore(saved lists.Snapshot) {
	if saved.At == (store.Position{}) {
		return
	}
	for tenant, list := range saved.Lists {
		s.lists.Restore(tenant, list, saved.Confirmed)
	}
	s.follower.Restored(saved.At, saved.Confirmed)
	if s.lists.Stats().Tenants == len(saved.Lists) {
		s.keeper.Restored = s.lists.Installs()
	}
	s.ready.loaded()
	s.log.Info("took the lists on disk", zap.Int("lists", len(saved.Lists)), zap.Uint64("revision", saved.At.Revision), zap.Time("confirmed", saved.Confirmed))
}

// follow keeps the lists at the store, and the disk at the lists, until ctx
// ends.
func (s *service) follow(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.follower.Follow(ctx) })
	running.Go(func() { s.store.Monitor(ctx) })
	if s.lists.MaxStaleness > 0 {
		running.Go(func() { s.expire(ctx) })
	}
	if s.keeper != nil {
		running.Go(func() { s.keeper.Keep(ctx) }) // its errors were logged
	}
	running.Wait()
}

// feed is how current the lists are, as the metrics show it.
func (s *service) feed() metrics.Feed {
	state := s.follower.State()
	return metrics.Feed{
		InForce: state.InForce.Revision, Newest: state.Newest, Confirmed: state.Confirmed,
		Up: state.Up, Reset: state.Reset != nil, Resumes: state.Resumes, Ready: s.ready.problem() == "",
	}
}

// expire has the tunnels of all tenants decided on again while the lists are
// older than they may be: nothing else happens then.
func (s *service) expire(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(s.follower.State().Confirmed) > s.lists.MaxStaleness {
			for _, tenant := range *s.served.Load() {
				s.changed(tenant)
			}
		}
	}
}
