package server

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"originwarden/api"
	"originwarden/console"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/request"
)

// adminMux serves the admin address. Besides the console, which has a sign-in, and
// /gateways, it answers GET to everybody who reaches it, and nothing to web pages, which
// could otherwise get there by DNS rebinding.
type adminMux struct {
	answers func(host string) bool
	console func() *console.Console // nil: there is none
	routes  map[string]methods      // by path
}

type methods map[string]http.Handler

func (s *Server) adminHandler(address net.Addr) http.Handler {
	local := isLoopback(address)
	level := get(http.HandlerFunc(s.log.Level.ServeGet))
	level[http.MethodPut] = s.forOperators(s.log.Level.ServePut)
	return &adminMux{
		answers: func(host string) bool { return answersHost(local, s.current.Load().cfg.Admin.Hosts, host) },
		console: func() *console.Console {
			if !s.current.Load().cfg.Admin.Console {
				return nil
			}
			return s.console
		},
		routes: map[string]methods{
			"/metrics":      get(s.metrics.Handler()),
			"/healthz":      get(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]bool{"healthy": true}) })),
			"/readyz":       get(&s.readiness),
			"/openapi.yaml": get(http.HandlerFunc(serveOpenAPI)),
			"/log-level":    level,
			"/gateways":     get(s.gateways()),
			"/resync":       {http.MethodPost: s.forOperators(s.serveResync)},
			"/reload":       {http.MethodPost: s.forOperators(s.serveReload)},
		},
	}
}

func get(h http.Handler) methods { return methods{http.MethodGet: h, http.MethodHead: h} }

// ServeHTTP implements http.Handler.
func (a *adminMux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the console may have set one
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
	route, pages := a.routes[r.URL.EscapedPath()], a.console()
	switch {
	case !a.answers(r.Host):
		refuse(w, r, http.StatusMisdirectedRequest, "HOST_UNKNOWN", "Host unknown", "")
	case pages != nil && pages.Owns(r.URL.EscapedPath()):
		pages.ServeHTTP(w, r) // it checks the Origin itself
	case r.Header["Origin"] != nil:
		refuse(w, r, http.StatusForbidden, "ORIGIN_REFUSED", "Origin refused", "")
	case route == nil:
		refuse(w, r, http.StatusNotFound, "NOT_FOUND", "Not found",
			"This is the gateway's admin address. The API is on the tenants' hosts, at the address in the key listen.")
	case route[r.Method] == nil:
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(route)), ", "))
		refuse(w, r, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Method not allowed", "")
	default:
		route[r.Method].ServeHTTP(w, r)
	}
}

// answersHost reports whether the admin address answers a Host; local says that it
// listens on loopback. Browsers always send a Host. Elsewhere than on loopback an IP
// address is accepted: it cannot be rebound, and Prometheus uses it.
func answersHost(local bool, hosts []string, host string) bool {
	if host == "" || !local && len(hosts) == 0 || slices.Contains(hosts, proxy.AnyHost) {
		return true
	}
	name := request.HostName(host)
	if name == "" {
		return false
	}
	_, notAddress := netip.ParseAddr(name)
	return slices.Contains(hosts, name) || origins.IsLoopbackName(name) || !local && notAddress == nil
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	w.Write(api.OpenAPI())
}

func writeJSON(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(document)
}

// refuse writes an error. detail may be empty.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, title, detail string) {
	envelope.Write(w, envelope.TraceID(r.Context()), status, envelope.Error{Code: code, Title: title, Detail: detail})
}
