package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"originwarden/api"
	"originwarden/api/auth"
	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/console"
	"originwarden/console/signin"
	"originwarden/envelope"
	"originwarden/envelope/clientaddr"
	"originwarden/origins"
	"originwarden/proxy"
)

func (s *Server) newConsole() (*console.Console, error) {
	settings, err := consoleSettings(s.started)
	if err != nil {
		return nil, err
	}
	return console.New(console.Config{
		Settings: settings,
		Auth:     s.api.Authenticator(),
		Tenants:  func() []string { return s.current.Load().tenants },
		Tenant:   func(id string) (console.Tenant, bool) { return consoleTenant(s.current.Load().cfg, id) },
		API:      s.consoleAPI,
		Lists:    s.lists,
		Store:    s.store,
		Ask:      s.ask,
		Traffic:  s.traffic,
		Health:   s.problems,

		Certificates: s.certificates,
		Log:          s.logAPIFailure,
		SignedIn:     s.logSignIn,

		SignInFailed: s.logFailedSignIn,
		Version:      s.options.Version,
	}), nil
}

// problems returns what is wrong with the gateway.
func (s *Server) problems() []string {
	if problem := s.readiness.Document().Problem; problem != "" {
		return []string{problem}
	}
	return nil
}

// consoleSettings reads the secret of the client.
func consoleSettings(cfg *config.Config) (console.Settings, error) {
	secret, err := cfg.Admin.SignIn.Secret()
	return console.Settings{
		TrustedProxies: clientaddr.Proxies(trustedProxies(cfg)),
		Timeout:        time.Duration(cfg.Store.Timeout),
		SignIn: signin.Settings{
			Issuer:      cfg.API.OIDC.Issuer,
			ClientID:    cfg.Admin.SignIn.ClientID,
			Secret:      secret,
			RedirectURL: cfg.Admin.SignIn.RedirectURL,
		},
	}, err
}

// isTenant reports whether a tenant is configured.
func (s *Server) isTenant(id string) bool {
	_, ok := tenantWithID(s.current.Load().cfg, id)
	return ok
}

func consoleTenant(cfg *config.Config, id string) (console.Tenant, bool) {
	configured, ok := tenantWithID(cfg, id)
	if !ok {
		return console.Tenant{}, false
	}
	return console.Tenant{
		ID:       configured.ID,
		Mode:     consoleMode(configured.Mode),
		Hosts:    configured.NamedHosts(),
		Upstream: shownURL(configured.Upstream.URL),
		Patterns: origins.Patterns(configured.Patterns),
	}, true
}

func tenantWithID(cfg *config.Config, id string) (*config.Tenant, bool) {
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; !t.IsGroup() && t.ID == id {
			return t, true
		}
	}
	groups := cfg.Groups()
	i := groups.IndexOfID(id)
	if i < 0 {
		return nil, false
	}
	return groups.At(i), true
}

func consoleMode(configured config.Mode) console.Mode {
	switch configured {
	case config.Headers:
		return console.Headers
	case config.Report:
		return console.Report
	}
	return console.Enforce
}

func shownURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}

// SignInLink returns a path of the admin address that signs in to the console once, as
// the bearer of a token, or "" if there is no console. It is for Options.Ready.
func (s *Server) SignInLink(token string) string {
	if !s.current.Load().cfg.Admin.Console {
		return ""
	}
	return s.console.OneTimeLink(token)
}

// consoleCall marks the context of a call that the console makes, and says for whom.
type consoleCall struct{ tenant, client string }

type consoleCallKey struct{}

// consoleAPI returns the API of a tenant, for the console.
func (s *Server) consoleAPI(tenant string) http.Handler {
	handler := s.api.Tenant(tenant)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := consoleCall{tenant, r.RemoteAddr}
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), consoleCallKey{}, call)))
	})
}

// observeAPI records the outcome of a request to the API. Those that came through the
// gateway are logged with their exchange.
func (s *Server) observeAPI(ctx context.Context, o api.Outcome) {
	proxy.Attach(ctx, &o)
	s.metrics.ObserveAPI(o)
	s.logRefusedToken(o)
	if call, ok := ctx.Value(consoleCallKey{}).(consoleCall); ok && o.Method != http.MethodGet {
		s.log.Info("a change was requested in the console", zap.String("tenant", call.tenant), zap.String("client", call.client),
			zap.String("method", o.Method), zap.Int("status", o.Status), zap.String("code", o.Code), logs.Call(&o.Call),
			zap.String("trace_id", envelope.TraceID(ctx)))
	}
}

func (s *Server) logSignIn(ctx context.Context, caller auth.Caller, client string) {
	s.log.Info("a user signed in to the console", zap.String("issuer", caller.Issuer()), zap.String("subject", logs.Escape(caller.Subject(), logs.MaxName)),
		zap.String("client", client), zap.String("trace_id", envelope.TraceID(ctx)))
}

// maxFailedSignIns is how many failed sign-ins in a second get a line each.
const maxFailedSignIns = 5

func (s *Server) logFailedSignIn(ctx context.Context, client string, status int) {
	const sampled = "failed sign-ins to the console"
	if s.log.Sampler(sampled, maxFailedSignIns).Passes(sampled) {
		s.log.Warn("a sign-in to the console failed", zap.String("client", client), zap.Int("status", status), zap.String("trace_id", envelope.TraceID(ctx)))
	}
}
