package console

import (
	"net/http"
	"strings"

	"originwarden/api/auth"
	"originwarden/origins"
)

// right is who may use a route.
type right uint8

const (
	// anybody has not signed in yet.
	anybody right = iota
	// member has signed in. A route of a tenant is for members of that tenant.
	member
	// administrator is a member who may write.
	administrator
)

// route is a page, or a form that it sends. Its pattern is one of http.ServeMux. If
// it has {tenant}, the request has that tenant.
type route struct {
	pattern string
	right   right
	serve   func(*request) error
}

func (c *Console) addRoute(r route) {
	_, path, _ := strings.Cut(r.pattern, " /")
	first, _, _ := strings.Cut(path, "/")
	c.owned[strings.TrimPrefix(first, "{$}")] = true
	c.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, request *http.Request) {
		c.serveRoute(r, c.newRequest(w, request))
	})
}

func (c *Console) serveRoute(to route, r *request) {
	signedIn := to.right > anybody && r.isSignedIn()
	if to.right > anybody && !signedIn && !r.sendsSessionCookie() {
		r.askToSignIn() // the form of a stranger is not read
		return
	}
	release, ok := r.readForm()
	if !ok {
		return
	}
	defer release()
	if to.right > anybody && !signedIn {
		r.askToSignIn()
		return
	}
	err := r.checkRights(to)
	if err == nil {
		err = to.serve(r)
	}
	if err != nil {
		r.failWith(err)
	}
}

// checkRights checks that the caller may use the route, and finds its tenant. That a
// tenant does not exist is told only to those who may see all.
func (r *request) checkRights(to route) error {
	if to.right == anybody {
		return nil
	}
	if id := r.PathValue("tenant"); id != "" {
		if err := r.caller.CheckTenant(id); err != nil {
			return err
		}
		found, ok := Tenant{}, false
		if origins.IsTenantID(id) {
			found, ok = r.Config.Tenant(id)
		}
		if !ok {
			return errNotFound
		}
		r.tenant = &found
	}
	if to.right == administrator {
		return r.caller.CheckAdmin()
	}
	return nil
}

// counted makes a page of a tenant that reads without the API count as a read of the
// caller.
func counted(serve func(*request) error) func(*request) error {
	return func(r *request) error {
		if err := r.caller.CountRead(r.tenant.ID); err != nil {
			return err
		}
		return serve(r)
	}
}

// isSignedIn finds the caller by the session.
func (r *request) isSignedIn() bool {
	name, ok := r.sessionCookie()
	if !ok {
		return false
	}
	identity, ok := r.sessions.Find(name)
	if !ok {
		return false
	}
	caller, err := r.Auth.Caller(r.Context(), identity, r.current.client())
	if err != nil { // the token is gone, or has expired
		r.sessions.End(name)
		return false
	}
	r.caller, r.session = caller, name
	return true
}

// canWrite reports whether the caller may change lists.
func canWrite(c auth.Caller) bool { return c.CheckAdmin() == nil }

// routes returns all pages and forms. To add a page, write its function, its template
// below templates, and a line here; a page of a tenant also gets a line in sections.
func (c *Console) routes() []route {
	return []route{
		{"GET /static/{name}", anybody, (*request).serveStatic},
		{"GET /sign-in", anybody, (*request).showSignIn},
		{"POST /sign-in", anybody, (*request).signIn},
		{"GET /sign-in/issuer", anybody, (*request).signInByIssuer},
		{"GET /sign-in/callback", anybody, (*request).signInCallback},
		{"GET /sign-in/link", anybody, (*request).signInByLink},
		{"POST /sign-out", anybody, (*request).signOut},

		{"GET /{$}", member, (*request).showTenants},
		{"GET /tenants/{tenant}", member, (*request).showOverview},
		{"GET /tenants/{tenant}/web-integrations", member, (*request).listIntegrations},
		{"POST /tenants/{tenant}/web-integrations", administrator, (*request).createIntegration},
		{"POST /tenants/{tenant}/check-origins", member, counted((*request).checkEntries)},
		{"GET /tenants/{tenant}/web-integrations/new", administrator, (*request).showCreation},
		{"GET /tenants/{tenant}/web-integrations/{id}", member, (*request).showIntegration},
		{"POST /tenants/{tenant}/web-integrations/{id}", administrator, (*request).editIntegration},
		{"GET /tenants/{tenant}/web-integrations/{id}/delete", administrator, (*request).showDeletion},
		{"POST /tenants/{tenant}/web-integrations/{id}/delete", administrator, (*request).deleteIntegration},

		{"GET /tenants/{tenant}/refused", administrator, (*request).showRefused},
		{"POST /tenants/{tenant}/refused", administrator, (*request).decideRefused},
		{"GET /tenants/{tenant}/ready", administrator, (*request).showRefused},
		{"POST /tenants/{tenant}/ready", administrator, (*request).decideRefused},
		{"GET /tenants/{tenant}/ask", member, counted((*request).showAsk)},
		{"POST /tenants/{tenant}/ask", administrator, (*request).listAsked},
		{"GET /tenants/{tenant}/history", member, counted((*request).showHistory)},
		{"GET /tenants/{tenant}/history/{record}/undo", administrator, counted((*request).showUndo)},
		{"POST /tenants/{tenant}/history/{record}/undo", administrator, counted((*request).undo)},
		{"GET /fleet", member, (*request).showFleet},
	}
}
