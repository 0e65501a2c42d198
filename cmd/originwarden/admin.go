package main

import (
	"net/http"

	"originwarden/envelope"
)

// admin answers on the operators' address. It answers GET to whoever reaches
// it, and nothing to web pages, which have no business there.
type admin struct {
	metrics  http.Handler
	ready    http.Handler
	contract http.Handler
}

// ServeHTTP implements http.Handler.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	handler := a.route(r.URL.EscapedPath())
	switch {
	case r.Header["Origin"] != nil:
		refuse(w, http.StatusForbidden, "ORIGIN_REFUSED", "Origin refused")
	case handler == nil:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "Not found")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Method not allowed")
	default:
		handler.ServeHTTP(w, r)
	}
}

func (a *admin) route(path string) http.Handler {
	switch path {
	case "/metrics":
		return a.metrics
	case "/healthz":
		return http.HandlerFunc(healthy)
	case "/readyz":
		return a.ready
	case "/openapi.yaml":
		return a.contract
	}
	return nil
}

// contract serves the API's OpenAPI document.
type contract []byte

// ServeHTTP implements http.Handler.
func (c contract) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	w.Write(c)
}

// healthy answers as long as the process can.
func healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]bool{"healthy": true})
}

func refuse(w http.ResponseWriter, status int, code, title string) {
	envelope.Write(w, envelope.NewTraceID(), status, envelope.Error{Code: code, Title: title})
}
