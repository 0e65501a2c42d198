package server

import (
	"context"
	"errors"

	"originwarden/store"
)

// RunWithStore is Run with the store that wrap returns.
func (s *Server) RunWithStore(stop, stopNow context.Context, wrap func(store.Store) store.Store) error {
	if err := s.open(stop); err != nil {
		return errors.Join(err, s.close())
	}
	s.store.Store = wrap(s.store.Store)
	return errors.Join(s.serve(stop, stopNow), s.close())
}
