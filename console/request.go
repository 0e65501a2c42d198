package console

import (
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"originwarden/api/auth"
	"originwarden/console/forms"
	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
)

// request is one request to the console. After a sign-in it has the caller, and on a
// path with a tenant that tenant.
type request struct {
	*Console
	*http.Request
	w       http.ResponseWriter
	current *Settings
	caller  auth.Caller
	session string  // its name, or ""
	tenant  *Tenant // nil: the page is not that of a tenant
}

func (c *Console) newRequest(w http.ResponseWriter, r *http.Request) *request {
	if envelope.TraceID(r.Context()) == "" {
		r = r.WithContext(envelope.WithTraceID(r.Context(), envelope.NewTraceID()))
	}
	return &request{Console: c, Request: r, w: w, current: c.settings.Load()}
}

// maxResponseTime is how long a request may take, until its response is sent.
const maxResponseTime = time.Minute

// readForm reads the form of a POST. The caller calls release when the response was
// sent. If ok is false, it has responded.
func (r *request) readForm() (release func(), ok bool) {
	if r.Method != http.MethodPost {
		return func() {}, true
	}
	from := forms.Stranger
	if r.session != "" {
		from = forms.SignedIn
	} else if r.sendsSessionCookie() {
		from = forms.Returning
	}
	release, refused := r.forms.Read(r.w, r.Request, from, r.clientAddress())
	if refused != nil {
		r.fail(refused.Status, refused.Title, refused.Detail)
	}
	return release, refused == nil
}

// clientAddress returns the address of the client, also behind trusted proxies.
func (r *request) clientAddress() netip.Addr {
	peer := clientaddr.Parse(r.RemoteAddr)
	return r.current.TrustedProxies.Client(peer, r.Header.Values("X-Forwarded-For"))
}

// isSecure reports whether the client uses https.
func (r *request) isSecure() bool {
	if r.TLS != nil {
		return true
	}
	if !r.current.TrustedProxies.Contains(clientaddr.Parse(r.RemoteAddr)) {
		return false
	}
	forwarded := strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")
	rightmost := strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
	return strings.EqualFold(rightmost, "https")
}

// page is what the layout shows. Data is that of the page itself.
type page struct {
	Title   string
	Section string // the path of the one that is shown
	Data    any

	Notice   string // that something was done
	Problems []string
	Subject  string // "": nobody has signed in
	CanWrite bool
	Tenant   *Tenant
	Several  bool // the caller sees several tenants
	Sections []section
	Fleet    bool // there is a page of all gateways, and the caller may see it
	Version  string
}

// show sends a page, by the name of its template.
func (r *request) show(status int, name string, p page) error {
	p.Version, p.Tenant = r.Version, r.tenant
	if r.session != "" {
		p.Subject, p.CanWrite = r.caller.Subject(), canWrite(r.caller)
		p.Problems = r.Health()
		p.Several = r.caller.Tenant() == "*" && len(r.Tenants()) > 1
		p.Sections = r.visibleSections()
		p.Fleet = r.hasFleet()
	}
	return r.execute(status, name, "layout", p)
}

// execute sends what a template of a page makes of data.
func (r *request) execute(status int, name, part string, data any) error {
	var body bytes.Buffer
	if err := r.pages[name].ExecuteTemplate(&body, part, data); err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.w.WriteHeader(status)
	r.w.Write(body.Bytes())
	return nil
}

// redirect sends the browser to a path of the console, with GET.
func (r *request) redirect(path string) error {
	r.w.Header().Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
	return nil
}
