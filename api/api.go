package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"originwarden/api/auth"
	"originwarden/api/problem"
	"originwarden/api/refusals"
	"originwarden/api/slots"
	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/store"
)

// Config configures an API. Store, Lists, Limits and Timeout are required.
type Config struct {
	Settings
	Store store.Store
	// Lists puts every committed change into force before its response is sent. If
	// Keep fails after a write that may have removed origins, or after the retry of
	// one, the response is 503.
	Lists Lists
	// Refusals are what /api/v1/refused-origins reports; nil means none.
	Refusals *refusals.Inventory
	// Log receives errors of the store, of Lists.Keep and of the OIDC issuer,
	// with a context that holds the trace id of the response. Clients only learn
	// which of these failed. Log may be nil, and is called concurrently.
	Log func(context.Context, error)
	// Observe receives the outcome of each request after its response, with the
	// request's context. It may be nil, and is called concurrently.
	Observe func(context.Context, Outcome)
}

// Lists are the lists in force.
type Lists interface {
	// List returns the tenant's list.
	List(ctx context.Context, tenant string) (*origins.List, error)
	// Write runs commit, and puts the change that it returns into force.
	Write(ctx context.Context, tenant string, commit func(context.Context) (origins.Change, error)) error
	// Keep returns nil when a restart without the store cannot undo an earlier change
	// of the tenant's list.
	Keep(ctx context.Context, tenant string) error
}

// Settings are the part of Config that can change while the API is in use.
type Settings struct {
	// Auth says who may use the API, and how often.
	Auth   auth.Settings
	Limits Limits
	// Patterns returns the patterns that may be among a tenant's entries. If it is nil,
	// none may.
	Patterns func(tenant string) origins.Patterns
	// Timeout bounds each read of the Store, and each Lists.Keep. Lists.Write bounds
	// writes itself.
	Timeout time.Duration
}

// Limits bound one request. Zero permits nothing.
type Limits struct {
	Origins int   // entries of one web integration
	Body    int64 // bytes of a request's body
}

// API serves all tenants. It may be used concurrently.
type API struct {
	current atomic.Pointer[Config]
	auth    *auth.Authenticator
	memory  memory
}

// memory bounds what requests hold in memory.
type memory struct {
	reads, uploads slots.Slots
	buffers        sync.Pool // of *bufio.Writer
}

// New returns an API. It runs nothing in the background and connects to nothing
// before the first request.
func New(c Config) *API {
	a := &API{auth: auth.New(c.Auth, c.Log)}
	a.current.Store(&c)
	return a
}

// Reconfigure replaces the settings. Requests under way keep the old ones. See
// auth.Authenticator.Reconfigure for what it keeps.
func (a *API) Reconfigure(s Settings) {
	next := *a.current.Load()
	next.Settings = s
	a.auth.Reconfigure(s.Auth)
	a.current.Store(&next)
}

// Authenticator returns the authenticator of the API's callers.
func (a *API) Authenticator() *auth.Authenticator { return a.auth }

// Tenant returns the handler of one tenant's API, for the paths that the API
// owns. It routes on the raw path: nothing is cleaned, decoded or redirected.
//
// Absolute links have the scheme and host of the request's URL, or where these
// are empty, its Host and the scheme of its connection. The trace id is that of
// the request's context, or a new one. RemoteAddr is the client's address, with
// or without a port.
func (a *API) Tenant(id string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tenantRequest{Config: a.current.Load(), auth: a.auth, memory: &a.memory, tenant: id}
		t.serveHTTP(w, r)
	})
}

// Owns reports whether the API serves a raw path, one that is not decoded.
func Owns(rawPath string) bool {
	for _, owned := range [...]string{collection, integrationChanges, refusedOrigins} {
		if rest, ok := strings.CutPrefix(rawPath, owned); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// tenantRequest serves one request to the API of a tenant.
type tenantRequest struct {
	*Config
	auth   *auth.Authenticator
	memory *memory
	tenant string
	resource
	caller auth.Caller
}

func (t *tenantRequest) serveHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if envelope.TraceID(r.Context()) == "" {
		r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
	}
	t.resource = resourceAt(r.URL.EscapedPath())
	response := &responseWriter{ResponseWriter: w, buffers: &t.memory.buffers, call: Call{Integration: t.id}}
	defer response.releaseSlot()
	outcome := Outcome{Route: t.pattern, Method: boundedMethod(r.Method)}
	err := t.serve(response, r)
	cutOff := err != nil && response.status != 0
	switch {
	case cutOff && errors.Is(err, errTooSlow):
		outcome.Limit = LimitInFlight
	case err != nil && !cutOff:
		outcome.Code = t.sendError(response, r, err)
		outcome.Limit, outcome.Refused = limitOf(err), tokenError(err)
		if errorResponseFor(err) != nil || isNotMade(err) { // nothing was changed
			response.call = Call{Issuer: response.call.Issuer, Subject: response.call.Subject, Integration: t.id}
		}
	}
	outcome.Call, outcome.Status = response.call, response.status
	if t.Observe != nil {
		t.Observe(r.Context(), outcome)
	}
	if cutOff { // so that the client does not take it for complete
		panic(http.ErrAbortHandler)
	}
}

// serve sends the response to r, or returns an error before anything is sent. It
// authenticates the caller before the response can depend on the resource.
func (t *tenantRequest) serve(w *responseWriter, r *http.Request) (err error) {
	if t.caller, err = t.auth.Authenticate(r); err != nil {
		return err
	}
	w.call.Issuer, w.call.Subject = t.caller.Issuer(), t.caller.Subject()
	if err := t.caller.CheckTenant(t.tenant); err != nil {
		return err
	}
	for _, route := range t.routes {
		if route.method == r.Method {
			return t.serveRoute(route, w, r)
		}
	}
	if len(t.routes) == 0 {
		return problem.NotFound("")
	}
	return methodNotAllowed(t.routes)
}

// serveRoute serves a caller who may use the route and is below the limits.
func (t *tenantRequest) serveRoute(route route, w *responseWriter, r *http.Request) error {
	if err := t.checkCaller(route); err != nil {
		return err
	}
	r, err := t.acquireSlot(w, r.WithContext(t.asAuthor(r.Context())))
	if err != nil {
		return err
	}
	return route.serve(t, w, r)
}

// checkCaller checks that the caller may use the route, and counts the request.
func (t *tenantRequest) checkCaller(route route) error {
	if !route.admin {
		return t.caller.CountRead(t.tenant)
	}
	if err := t.caller.CheckAdmin(); err != nil {
		return err
	}
	return t.caller.CountWrite(t.tenant)
}

// shortBody is the length up to which a request's body needs no slot. Even a response
// with an error for every entry of such a body is short.
const shortBody = 1 << 10

// acquireSlot waits for the memory that r needs: that of a read, whose response may be
// long, or of an undo, which reads the history, or that of a long body. Uploads never
// delay reads. It returns r, or a copy of it whose body fails if the client is too slow
// while another request waits.
func (t *tenantRequest) acquireSlot(w *responseWriter, r *http.Request) (_ *http.Request, err error) {
	key := t.caller.Key(t.tenant)
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.slot, err = t.memory.reads.Acquire(r.Context(), key)
	case t.record != "":
		if w.slot, err = t.memory.reads.Acquire(r.Context(), key); err == nil {
			r = withSlotBody(r, w)
		}
	case r.Method != http.MethodDelete && (r.ContentLength < 0 || r.ContentLength > shortBody):
		if w.slot, err = t.memory.uploads.Acquire(r.Context(), key); err == nil {
			r = withSlotBody(r, w)
		}
	}
	if errors.Is(err, slots.ErrNone) {
		err = tooManyInFlight()
	}
	return r, err
}

// tooManyInFlight is the error of a request that gets or keeps no slot.
func tooManyInFlight() error { return &auth.RateLimitError{Limit: LimitInFlight, Wait: time.Second} }

// withSlotBody returns a copy of r whose body uses the slot of w.
func withSlotBody(r *http.Request, w *responseWriter) *http.Request {
	r = r.WithContext(r.Context()) // the caller's request keeps its body
	r.Body = &uploadBody{ReadCloser: r.Body, response: w}
	return r
}
