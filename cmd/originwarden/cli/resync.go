package cli

import (
	"context"
	"errors"
	"net/http"

	"originwarden/envelope"
	"originwarden/store"
)

// resync asks the store for its position again, without waiting for the next
// time, and with ?accept=true takes a store that was reset as it is.
func (s *service) resync(w http.ResponseWriter, r *http.Request) {
	check := s.lists.CatchUp
	if r.URL.Query().Get("accept") == "true" {
		check = s.accept
	}
	err := check(r.Context())
	switch {
	case errors.Is(err, store.ErrReset):
		s.refuseResync(w, http.StatusConflict, "STORE_RESET", "The store was reset", err)
	case err != nil:
		s.refuseResync(w, http.StatusServiceUnavailable, "STORE_UNAVAILABLE", "The store does not answer", err)
	default:
		writeJSON(w, http.StatusOK, s.ready.document())
	}
}

// accept takes the store as it is, and has its lists in force.
func (s *service) accept(ctx context.Context) error {
	if _, err := s.lists.Accept(ctx); err != nil {
		return err
	}
	return s.lists.CatchUp(ctx)
}

// refuseResync shows the error, which holds nothing of a client's, to somebody
// who may know.
func (s *service) refuseResync(w http.ResponseWriter, status int, code, title string, err error) {
	envelope.Write(w, envelope.NewTraceID(), status, envelope.Error{Code: code, Title: title, Detail: err.Error()})
}
