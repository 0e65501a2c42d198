package console

import (
	"errors"
	"net/http"

	"originwarden/console/apicall"
)

// apiError is an error response of the API.
type apiError = apicall.Error

// callAPI makes a request to the tenant's API as the caller. The path is below /api/v1,
// and may have a query. The body, unless it is nil, is sent as JSON, and the response
// decoded into result, unless that is nil. An error response is an *apiError.
func (r *request) callAPI(method, path string, header http.Header, body, result any) (http.Header, error) {
	call := apicall.Call{Caller: r.caller, Client: r.clientAddress().String(), Method: method, Path: path, Header: header, Body: body}
	return call.Do(r.Context(), r.API(r.tenant.ID), result)
}

// isStatus reports whether err is a response of the API with a status.
func isStatus(err error, status int) bool {
	refused, ok := errors.AsType[*apiError](err)
	return ok && refused.Status == status
}
