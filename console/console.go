package console

import (
	"context"
	"html/template"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"originwarden/api/auth"
	"originwarden/console/ask"
	"originwarden/console/assets"
	"originwarden/console/forms"
	"originwarden/console/session"
	"originwarden/console/signin"
	"originwarden/console/traffic"
	"originwarden/envelope/clientaddr"
	"originwarden/origins"
	"originwarden/store"
)

// Config configures a Console. Fields without a remark are required. Its functions
// are called concurrently.
type Config struct {
	Settings
	Auth *auth.Authenticator
	// Tenants returns the ids of all tenants, and Tenant the one with an id.
	Tenants func() []string
	Tenant  func(id string) (Tenant, bool)
	// API returns the API of a tenant. It gets requests that have a caller of
	// auth.WithCaller.
	API   func(tenant string) http.Handler
	Lists Lists
	Store store.Store
	// Ask answers what the gateway would do with a request to a tenant.
	Ask func(ctx context.Context, tenant string, q ask.Question) ask.Answer
	// Traffic are the requests of the last hour.
	Traffic *traffic.Counts
	// Health returns what is wrong with the gateway, in plain English, for pages of
	// all tenants.
	Health func() []string
	// Certificates returns the gateway's certificates, of whose end operators are told.
	// It may be nil.
	Certificates func() []Certificate
	// Log receives errors whose cause a page does not tell, with the context of the
	// request, whose trace id the page has. It may be nil.
	Log func(context.Context, error)
	// SignedIn is called after each sign-in. It may be nil.
	SignedIn func(ctx context.Context, caller auth.Caller, client string)
	// SignInFailed is called after each sign-in by a token or link that was refused with
	// a status. It may be nil.
	SignInFailed func(ctx context.Context, client string, status int)
	// Version is that of the gateway. It may be empty.
	Version string
}

// Certificate is one of the gateway, or the first of several to expire.
type Certificate struct {
	Name     string // in plain English, to begin a sentence with
	NotAfter time.Time
}

// Settings are the part of Config that can change while the Console is in use.
type Settings struct {
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto count.
	TrustedProxies clientaddr.Proxies
	// SignIn is the sign-in by an issuer. Its zero value offers none.
	SignIn signin.Settings
	// Timeout bounds a page's reads of the Store.
	Timeout time.Duration
}

func (s *Settings) client() auth.Client {
	return auth.Client{ID: s.SignIn.ClientID, RedirectURL: s.SignIn.RedirectURL}
}

// Lists are the lists in force.
type Lists interface {
	List(ctx context.Context, tenant string) (*origins.List, error)
}

// Tenant is a tenant as it is configured.
type Tenant struct {
	ID       string
	Mode     Mode
	Hosts    []string // empty: every host
	Upstream string
	Patterns origins.Patterns
}

// Mode is what the gateway does with refused requests of a tenant.
type Mode string

// The modes.
const (
	Enforce Mode = "enforce"
	Headers Mode = "headers"
	Report  Mode = "report"
)

// Console serves the pages. It may be used concurrently.
type Console struct {
	Config
	settings   atomic.Pointer[Settings]
	sessions   *session.Sessions
	issuer     *signin.Issuer
	links      session.Links
	protection *http.CrossOriginProtection
	pages      map[string]*template.Template
	static     assets.Static
	mux        *http.ServeMux
	owned      map[string]bool // first segments of paths
	forms      *forms.Reader
}

// New returns a Console.
func New(c Config) *Console {
	made := &Console{
		Config: c, sessions: session.New(), issuer: signin.New(), protection: http.NewCrossOriginProtection(),
		mux: http.NewServeMux(), owned: map[string]bool{}, forms: forms.NewReader(),
	}
	made.settings.Store(&c.Settings)
	made.static, made.pages = readFiles()
	for _, r := range made.routes() {
		made.addRoute(r)
	}
	return made
}

// Reconfigure replaces the settings. Requests under way keep the old ones.
func (c *Console) Reconfigure(s Settings) { c.settings.Store(&s) }

// Owns reports whether the console serves a raw path.
func (c *Console) Owns(rawPath string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(rawPath, "/"), "/")
	return rawPath == "/" || first != "" && c.owned[first]
}

// ServeHTTP implements http.Handler, for the paths that the console owns. The caller
// has checked the request's Host. The connection keeps the write deadline that it sets,
// so that it also bounds what the server still has to send afterwards.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxResponseTime))
	setHeaders(w.Header())
	if !c.isSameOrigin(r) {
		c.newRequest(w, r).fail(http.StatusForbidden, "Refused", "A page of another origin has sent this request. Nothing was changed.")
		return
	}
	if r.Method == http.MethodGet { // what changes something has limits of its own
		ctx, cancel := context.WithTimeout(r.Context(), c.settings.Load().Timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	c.mux.ServeHTTP(w, r)
}

// setHeaders sets the headers of every response. With the referrer policy
// no-referrer, browsers would send "Origin: null" with the console's own forms.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// isSameOrigin reports whether no page of another origin has sent the request. Links
// of other sites are permitted: they change nothing, and the session's cookie is not
// sent with them.
func (c *Console) isSameOrigin(r *http.Request) bool {
	lines := r.Header.Values("Origin")
	if len(lines) > 1 {
		return false
	}
	checked := *r
	if len(lines) == 1 {
		checked.Method = http.MethodPost // the protection permits every GET
	}
	return c.protection.Check(&checked) == nil
}
