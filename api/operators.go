package api

import (
	"net/http"

	"originwarden/envelope"
)

// ForOperators lets only those through to next whose token is for all tenants
// and may write, and says whose it is. Others get the API's 401 and 403, with its
// limit of failed attempts.
func (a *API) ForOperators(next func(w http.ResponseWriter, r *http.Request, subject string)) http.Handler {
	t := &tenant{a.config, a.limiters, a.accessTokens, a.memory, "*"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if envelope.TraceID(r.Context()) == "" {
			r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
		}
		who, err := t.operator(r)
		if err != nil {
			t.refuse(&answerWriter{ResponseWriter: w}, r, err)
			return
		}
		next(w, r, who.subject)
	})
}

func (t *tenant) operator(r *http.Request) (principal, error) {
	who, err := t.authenticate(r)
	if err == nil && (!who.everywhere || who.role != Admin) {
		err = forbidden("The token is not one for all tenants with the role admin.")
	}
	return who, err
}
