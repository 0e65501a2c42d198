package api

import (
	"net/http"

	"originwarden/envelope"
)

// ForOperators lets only those through to next whose token is for all tenants
// and may write. Others get the API's 401 and 403, with its limit of failed
// attempts.
func (a *API) ForOperators(next http.Handler) http.Handler {
	t := &tenant{a.config, a.limiters, a.accessTokens, a.memory, "*"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if envelope.TraceID(r.Context()) == "" {
			r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
		}
		if err := t.operates(r); err != nil {
			t.refuse(&answerWriter{ResponseWriter: w}, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (t *tenant) operates(r *http.Request) error {
	who, err := t.authenticate(r)
	switch {
	case err != nil:
		return err
	case !who.everywhere || who.role != Admin:
		return forbidden("The token is not one for all tenants with the role admin.")
	}
	return nil
}
