package cli

import (
	"maps"
	"net/http"

	"go.uber.org/zap"

	"originwarden/api/auth"
	"originwarden/cmd/originwarden/logs"
	"originwarden/envelope"
)

// forOperators lets only operators through to serve, and logs who they are and
// the result.
func (h *handlers) forOperators(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
		who, err := h.plan.api.Authenticator().Authenticate(r)
		if err == nil {
			err = who.CheckOperator()
		}
		if err != nil {
			refused, _ := auth.AnswerTo(err) // every error of auth has one
			maps.Copy(w.Header(), refused.Header)
			envelope.Write(w, envelope.TraceID(r.Context()), refused.Status, refused.Error)
			return
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		serve(answer, r)
		h.plan.log.Warn("an operator asked for a change", zap.String("subject", logs.Escape(who.Subject(), logs.LongestName)), zap.String("client", r.RemoteAddr),
			zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("query", logs.Escape(r.URL.RawQuery, logs.LongestError)),
			zap.Int("status", answer.status))
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
