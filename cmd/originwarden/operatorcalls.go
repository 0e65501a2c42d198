package main

import (
	"net/http"
	"originwarden/cmd/originwarden/logs"

	"go.uber.org/zap"
)

// forOperators lets those through to serve whom the current configuration does,
// and tells who they are and what came of it.
func (h *handlers) forOperators(serve http.HandlerFunc) http.Handler {
	told := func(w http.ResponseWriter, r *http.Request, subject string) {
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		serve(answer, r)
		h.plan.log.Warn("an operator asked for a change", zap.String("subject", logs.Escape(subject, logs.LongestName)), zap.String("client", r.RemoteAddr),
			zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("query", logs.Escape(r.URL.RawQuery, logs.LongestError)),
			zap.Int("status", answer.status))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.current.Load().lists.ForOperators(told).ServeHTTP(w, r)
	})
}

// statusWriter notes the status of an answer.
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
