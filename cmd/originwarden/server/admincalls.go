package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"go.uber.org/zap"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/heartbeat"
	"originwarden/envelope"
	"originwarden/store"
)

// forOperators serves only operators, and logs who they are and the response.
func (s *Server) forOperators(serve http.HandlerFunc) http.Handler {
	return s.forCallers(auth.Caller.CheckOperator, func(caller auth.Caller, w http.ResponseWriter, r *http.Request) {
		written := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		serve(written, r)
		s.log.Warn("a change was requested at the admin address", zap.String("subject", logs.Escape(caller.Subject(), logs.MaxName)), zap.String("client", r.RemoteAddr),
			zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("query", logs.Escape(r.URL.RawQuery, logs.MaxError)),
			zap.Int("status", written.status), zap.String("trace_id", envelope.TraceID(r.Context())))
	})
}

// forCallers serves only callers that check permits.
func (s *Server) forCallers(check func(auth.Caller) error, serve func(auth.Caller, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.api.Authenticator().Authenticate(r)
		if err == nil {
			err = check(caller)
		}
		if err != nil {
			refused, _ := auth.ResponseTo(err) // every error of auth has one
			maps.Copy(w.Header(), refused.Header)
			envelope.Write(w, envelope.TraceID(r.Context()), refused.Status, refused.Error)
			return
		}
		serve(caller, w, r)
	})
}

// gateways serves the gateways of the store to those who may read every tenant.
func (s *Server) gateways() http.Handler {
	readsAll := func(caller auth.Caller) error { return caller.CheckTenant("*") }
	return s.forCallers(readsAll, func(_ auth.Caller, w http.ResponseWriter, r *http.Request) {
		if err := heartbeat.Write(r.Context(), w, store.AsFleet(s.store), time.Duration(s.started.Store.Timeout)); err != nil {
			s.log.Warn("the gateways of the store cannot be read", zap.String("error", logs.Escape(err.Error(), logs.MaxError)))
			refuse(w, r, http.StatusServiceUnavailable, "STORE_UNAVAILABLE", "Store unavailable", "The store does not answer.")
		}
	})
}

// statusWriter keeps the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serveResync compares the lists with the store at once. With ?accept=true it
// accepts a store that was reset. Operators may see its errors, which contain
// nothing of a client.
func (s *Server) serveResync(w http.ResponseWriter, r *http.Request) {
	catchUp := s.lists.CatchUp
	if r.URL.Query().Get("accept") == "true" {
		catchUp = s.acceptReset
	}
	err := catchUp(r.Context())
	switch {
	case errors.Is(err, store.ErrReset):
		refuse(w, r, http.StatusConflict, "STORE_RESET", "The store was reset", err.Error())
	case err != nil:
		refuse(w, r, http.StatusServiceUnavailable, "STORE_UNAVAILABLE", "The store does not answer", err.Error())
	default:
		writeJSON(w, s.readiness.Document())
	}
}

func (s *Server) acceptReset(ctx context.Context) error {
	if _, err := s.lists.Accept(ctx); err != nil {
		return err
	}
	return s.lists.CatchUp(ctx)
}
