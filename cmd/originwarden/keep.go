package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"originwarden/lists"
	"originwarden/store"
)

// newKeeper returns what keeps the service's lists on disk, or nil where they
// are not kept.
func (s *service) newKeeper() *lists.Keeper {
	if s.disk == nil {
		return nil
	}
	return &lists.Keeper{
		Disk:  s.disk,
		Lists: s.lists,
		State: func() (store.Position, time.Time) {
			state := s.follower.State() // without a position until the lists are whole
			return state.InForce, state.Confirmed
		},
		Log: func(err error) {
			if err == nil {
				s.log.Info("the lists are kept on disk again")
				return
			}
			s.log.Error("the lists could not be kept on disk", zap.Error(err))
		},
	}
}

// flush has the disk follow the lists before a change of them is acknowledged,
// so that no start without the store undoes it.
func (s *service) flush(ctx context.Context) error {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.Flush(ctx)
}

// keeping says why the lists are not kept on disk, or is nil.
func (s *service) keeping() error {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.Err()
}
