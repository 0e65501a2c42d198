package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"originwarden/api/auth"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// Config is what the API works with. Store, Lists, Limits and Timeout are
// required.
type Config struct {
	Settings
	Store store.Store
	// Lists gets every committed change before its answer is sent. If one that may
	// have taken origins off a list cannot be kept, the answer is 503; also if it
	// is refused as it may have been made before.
	Lists Lists
	// Refusals are those that /api/v1/refused-origins tells; nil is none.
	Refusals *origins.Refusals
	// Log is told what went wrong inside or at the issuer of OIDC, with the
	// context that holds the trace id that the client got. Clients are told no
	// more than who does not answer. It may be nil, and is called concurrently.
	Log func(context.Context, error)
	// Observe is told once what each request came to, after its answer, with the
	// request's context. It may be nil, and is called concurrently.
	Observe func(context.Context, Outcome)
}

// Lists are what is in force.
type Lists interface {
	// List returns the tenant's list.
	List(ctx context.Context, tenant string) (*origins.List, error)
	// Write makes a change that commit commits, and has it in force.
	Write(ctx context.Context, tenant string, commit func(context.Context) (origins.Change, error)) error
	// Keep makes sure that no start without the store undoes a change.
	Keep(ctx context.Context, tenant string) error
}

// Settings are the part of Config that can change while the API is in use.
type Settings struct {
	// Auth says who may use the API, and how often.
	Auth   auth.Settings
	Limits Limits
	// Timeout ends each call of the Store, and with it the request.
	Timeout time.Duration
}

// Limits bound one request. What is zero admits nothing.
type Limits struct {
	Origins int   // entries of one web integration
	Body    int64 // bytes of a request's body
}

// API answers for all tenants. It may be used concurrently.
type API struct {
	current atomic.Pointer[Config]
	auth    *auth.Authenticator
	memory  memory
}

// memory bounds what the requests under way hold.
type memory struct {
	answers, uploads places
	pieces           pieces
}

// New returns an API on c, which is not changed any more. It runs nothing in
// the background and asks nobody before the first request.
func New(c Config) *API {
	a := &API{auth: auth.New(c.Auth, c.Log)}
	a.current.Store(&c)
	return a
}

// Reconfigure replaces the settings. Requests under way keep the old ones. See
// auth.Authenticator.Reconfigure for what is kept of authentication.
func (a *API) Reconfigure(s Settings) {
	next := *a.current.Load()
	next.Settings = s
	a.auth.Reconfigure(s.Auth)
	a.current.Store(&next)
}

// Authenticator returns what authenticates the callers of the API.
func (a *API) Authenticator() *auth.Authenticator { return a.auth }

// Tenant returns the API as it is on the host of one tenant, which is for the
// paths that the API owns. It routes on the raw path, so that nothing is
// cleaned, decoded or redirected.
//
// Absolute links are made of the request URL's scheme and host, or where these
// are empty, of Host and whether the connection is TLS. The trace id is that of
// the request's context, or a new one. RemoteAddr is the client's address, with
// or without a port.
func (a *API) Tenant(id string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tenant{a.current.Load(), a.auth, &a.memory, id}
		t.serveHTTP(w, r)
	})
}

// Owns reports whether the API answers a raw path, one that is not decoded, on
// the hosts of tenants that serve it.
func Owns(rawPath string) bool {
	for _, owned := range [...]string{collection, refusedOrigins} {
		if rest, ok := strings.CutPrefix(rawPath, owned); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// tenant is the API on one tenant's host, for one request.
type tenant struct {
	*Config
	auth   *auth.Authenticator
	memory *memory
	id     string
}

func (t *tenant) serveHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if envelope.TraceID(r.Context()) == "" {
		r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
	}
	at, answer := resourceAt(r.URL.EscapedPath()), &answerWriter{ResponseWriter: w, pieces: &t.memory.pieces}
	defer answer.leave()
	answer.call.Integration = at.id
	outcome := Outcome{Route: at.pattern, Method: boundedMethod(r.Method)}
	err := t.serve(answer, r, at)
	cut := err != nil && answer.status != 0
	switch {
	case cut && errors.Is(err, errHurried):
		outcome.Limit = LimitInFlight
	case err != nil && !cut:
		refused := t.refuse(answer, r, err)
		outcome.Limit, outcome.Refused, outcome.Code = refused.limit, refused.cause, refused.errs[0].Code
		if refusalFor(err) != nil || notMade(err) { // nothing was changed
			answer.call.Integration, answer.call.Change = at.id, nil
		}
	}
	outcome.Call = answer.call
	if outcome.Status = answer.status; t.Observe != nil {
		t.Observe(r.Context(), outcome)
	}
	if cut { // what is half sent must not look whole
		panic(http.ErrAbortHandler)
	}
}

// serve answers r, or returns why it does not, with nothing written yet. Who
// asks is settled before anything about the resource shows.
func (t *tenant) serve(w *answerWriter, r *http.Request, at resource) error {
	who, err := t.auth.Authenticate(r)
	if err != nil {
		return err
	}
	w.call.Issuer, w.call.Subject = who.Issuer(), who.Subject()
	if err := who.CheckTenant(t.id); err != nil {
		return err
	}
	return t.dispatch(w, r, call{who, at.id}, at.routes)
}

// call is a request that was authenticated and routed.
type call struct {
	who auth.Caller
	id  string // of the web integration, or "" for the collection
}

// resource is what there is at a path.
type resource struct {
	pattern string
	routes  []route
	id      string // of the web integration, or "" for the collection
}

// route is one method of a resource.
type route struct {
	method string
	// admin says that it is for administrators, and counts as a write does.
	admin bool
	serve func(*tenant, *answerWriter, *http.Request, call) error
}

const (
	collection     = "/api/v1/web-integrations"
	refusedOrigins = "/api/v1/refused-origins"
)

// resourceAt returns what there is at a raw path. Clients do not escape ids, so
// that anything may come in the place of one.
func resourceAt(path string) resource {
	if path == refusedOrigins {
		return resource{pattern: refusedOrigins, routes: []route{
			{http.MethodGet, true, (*tenant).refused},
			{http.MethodHead, true, (*tenant).refused},
		}}
	}
	rest, ok := strings.CutPrefix(path, collection)
	if ok && rest == "" {
		return resource{pattern: collection, routes: []route{
			{http.MethodGet, false, (*tenant).list},
			{http.MethodHead, false, (*tenant).list},
			{http.MethodPost, true, (*tenant).create},
		}}
	}
	id, below := strings.CutPrefix(rest, "/")
	if !ok || !below || !isID(id) {
		return resource{pattern: "none"}
	}
	return resource{collection + "/{id}", []route{
		{http.MethodGet, false, (*tenant).read},
		{http.MethodHead, false, (*tenant).read},
		{http.MethodPatch, true, (*tenant).patch},
		{http.MethodDelete, true, (*tenant).remove},
	}, id}
}

func (t *tenant) dispatch(w *answerWriter, r *http.Request, c call, routes []route) error {
	for _, route := range routes {
		if route.method == r.Method {
			return t.follow(route, w, r, c)
		}
	}
	if len(routes) == 0 {
		return notFound()
	}
	return methodNotAllowed(routes)
}

// follow serves a route to a caller that may use it and is below its limits.
func (t *tenant) follow(route route, w *answerWriter, r *http.Request, c call) error {
	if err := t.permit(route, c.who); err != nil {
		return err
	}
	r, err := t.takePlace(w, r, caller{c.who.Issuer(), c.who.Subject(), t.id})
	if err != nil {
		return err
	}
	return route.serve(t, w, r, c)
}

// permit counts a request of who, or returns why it is refused.
func (t *tenant) permit(route route, who auth.Caller) error {
	if !route.admin {
		return who.CountRead(t.id)
	}
	if err := who.CheckAdmin(); err != nil {
		return err
	}
	return who.CountWrite(t.id)
}

// shortBody is the length of a body of which every answer is short, also one that
// tells what is wrong with each of its entries.
const shortBody = 1 << 10

// takePlace waits for the memory that r needs: to read what may be long, or for
// a body that may be. Uploads never keep reads waiting. It returns r as it is to
// be read.
func (t *tenant) takePlace(w *answerWriter, r *http.Request, who caller) (_ *http.Request, err error) {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.place, err = t.memory.answers.enter(r.Context(), who)
	case r.Method != http.MethodDelete && (r.ContentLength < 0 || r.ContentLength > shortBody):
		if w.place, err = t.memory.uploads.enter(r.Context(), who); err == nil {
			r = r.WithContext(r.Context())
			r.Body = &uploaded{ReadCloser: r.Body, to: w}
		}
	}
	return r, err
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
