package cli

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"originwarden/envelope"
)

// admin answers on the operators' address. It answers GET to whoever reaches
// it, everything else to whoever has a token for it, and nothing to web pages,
// which have no business there, also by DNS rebinding.
type admin struct {
	answers  func(host string) bool
	metrics  http.Handler
	ready    http.Handler
	contract http.Handler
	level    http.Handler // of the log
	setLevel http.Handler // this and the next let in only those who may
	resync   http.Handler
	reload   http.Handler
}

// ServeHTTP implements http.Handler.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	methods := a.route(r.URL.EscapedPath())
	switch {
	case !a.answers(r.Host):
		refuse(w, http.StatusMisdirectedRequest, "HOST_UNKNOWN", "Host unknown")
	case r.Header["Origin"] != nil:
		refuse(w, http.StatusForbidden, "ORIGIN_REFUSED", "Origin refused")
	case methods == nil:
		envelope.Write(w, envelope.NewTraceID(), http.StatusNotFound, envelope.Error{Code: "NOT_FOUND", Title: "Not found", Detail: isAdminAddress})
	case methods[r.Method] == nil:
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		refuse(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Method not allowed")
	default:
		methods[r.Method].ServeHTTP(w, r)
	}
}

// isAdminAddress is for whoever looks for something else here.
const isAdminAddress = "This is a gateway's admin address. The lists' API is on the tenants' hosts, at the address that the key listen names."

// route returns what there is at a path, by method.
func (a *admin) route(path string) map[string]http.Handler {
	switch path {
	case "/metrics":
		return reads(a.metrics)
	case "/healthz":
		return reads(http.HandlerFunc(healthy))
	case "/readyz":
		return reads(a.ready)
	case "/openapi.yaml":
		return reads(a.contract)
	case "/log-level":
		methods := reads(a.level)
		methods[http.MethodPut] = a.setLevel
		return methods
	case "/resync":
		return map[string]http.Handler{http.MethodPost: a.resync}
	case "/reload":
		return map[string]http.Handler{http.MethodPost: a.reload}
	}
	return nil
}

func reads(h http.Handler) map[string]http.Handler {
	return map[string]http.Handler{http.MethodGet: h, http.MethodHead: h}
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
