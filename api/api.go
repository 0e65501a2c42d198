package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// Config is what the API works with. Everything but Tokens and Log is required.
type Config struct {
	Store store.Store
	// Lists gets every committed change before its answer is sent. After a
	// write whose outcome is not known it doubts the tenant's list.
	Lists *origins.Cache
	// Tokens are the static bearer tokens. Without any, every request is
	// answered with 401.
	Tokens []Token
	Limits Limits
	// Timeout ends each call of the Store, and with it the request.
	Timeout time.Duration
	// Log is told what went wrong inside, with the context that holds the trace
	// id that the client got. Clients are told no more than that the store does
	// not answer. It may be nil, and is called concurrently.
	Log func(context.Context, error)
}

// Limits bound one request. What is zero admits nothing.
type Limits struct {
	Origins int   // entries of one web integration
	Body    int64 // bytes of a request's body
}

// API answers for all tenants. It may be used concurrently.
type API struct{ config Config }

// New returns an API on c, which is not changed any more.
func New(c Config) *API { return &API{c} }

// Tenant returns the API as it is on the host of one tenant, which is for the
// paths that are /api/v1/web-integrations or begin with it and a slash. It
// routes on the raw path, so that nothing is cleaned, decoded or redirected.
//
// Absolute links are made of the request URL's scheme and host, or where these
// are empty, of Host and whether the connection is TLS. The trace id is that of
// the request's context, or a new one.
func (a *API) Tenant(id string) http.Handler { return &tenant{a.config, id} }

// tenant is the API on one tenant's host.
type tenant struct {
	Config
	id string
}

// ServeHTTP implements http.Handler.
func (t *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if envelope.TraceID(r.Context()) == "" {
		r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
	}
	if err := t.serve(w, r); err != nil {
		t.refuse(w, r, err)
	}
}

// serve answers r, or returns why it does not, with nothing written yet. Who
// asks is settled before anything about the resource shows.
func (t *tenant) serve(w http.ResponseWriter, r *http.Request) error {
	who, err := t.authenticate(r.Header)
	if err != nil {
		return err
	}
	if !who.belongsTo(t.id) {
		return forbidden("The token is not one of this tenant.")
	}
	routes, id := routesOf(r.URL.EscapedPath())
	return t.dispatch(w, r, call{who, id}, routes)
}

// call is a request that was authenticated and routed.
type call struct {
	who principal
	id  string // of the web integration, or "" for the collection
}

// route is one method of a resource.
type route struct {
	method string
	writes bool
	serve  func(*tenant, http.ResponseWriter, *http.Request, call) error
}

const collection = "/api/v1/web-integrations"

// routesOf returns what there is at a raw path, and the id in it. Clients do
// not escape ids, so that anything may come in the place of one.
func routesOf(path string) (routes []route, id string) {
	rest, ok := strings.CutPrefix(path, collection)
	if !ok {
		return nil, ""
	}
	if rest == "" {
		return []route{
			{http.MethodGet, false, (*tenant).list},
			{http.MethodHead, false, (*tenant).list},
			{http.MethodPost, true, (*tenant).create},
		}, ""
	}
	id, ok = strings.CutPrefix(rest, "/")
	if !ok || !isID(id) {
		return nil, ""
	}
	return []route{
		{http.MethodGet, false, (*tenant).read},
		{http.MethodHead, false, (*tenant).read},
		{http.MethodPatch, true, (*tenant).patch},
		{http.MethodDelete, true, (*tenant).remove},
	}, id
}

func (t *tenant) dispatch(w http.ResponseWriter, r *http.Request, c call, routes []route) error {
	if len(routes) == 0 {
		return notFound()
	}
	allow := make([]string, len(routes))
	for i, route := range routes {
		allow[i] = route.method
		if route.method != r.Method {
			continue
		}
		if route.writes && c.who.role != Admin {
			return forbidden("The token may read only.")
		}
		return route.serve(t, w, r, c)
	}
	return methodNotAllowed(strings.Join(allow, ", "))
}

// isID reports whether id is of the form of a web integration's id.
func isID(id string) bool {
	if len(id) != 32 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
