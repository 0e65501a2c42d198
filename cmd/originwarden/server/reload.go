package server

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/credentials"
	"originwarden/envelope"
	"originwarden/envelope/escape"
)

var (
	errNoConfiguration = errors.New("there is no configuration to read again")
	errStopping        = errors.New("the gateway is stopping")
)

type reloadResult struct {
	needRestart []string // keys whose new value needs a restart
	err         error
}

// reloadOnRequest reads the configuration again whenever that is requested, until
// ctx ends. Between reloads it checks upstreams.
func (s *Server) reloadOnRequest(ctx context.Context) {
	for {
		stopChecks := s.startChecks(ctx)
		var done chan<- reloadResult
		select {
		case <-ctx.Done():
			stopChecks()
			return
		case <-s.options.Reload:
		case done = <-s.reloads:
		}
		stopChecks()
		result := s.reload(ctx)
		if done != nil {
			done <- result
		}
	}
}

// startChecks checks the upstreams, and follows their TLS files, with the settings
// in force, until stop is called.
func (s *Server) startChecks(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	current := s.current.Load()
	var checks sync.WaitGroup
	checks.Go(func() { s.upstreams.Check(ctx, current.cfg, current.upstreamTLS.TLS) })
	checks.Go(func() {
		credentials.Follow(ctx, current.upstreamTLS.Files(s.gateway.RenewTLS, s.log.Logger)...)
	})
	return func() {
		cancel()
		checks.Wait()
	}
}

// reload reads the configuration and puts it into force. A mistake changes nothing.
func (s *Server) reload(ctx context.Context) reloadResult {
	if s.stopping.Load() {
		return reloadResult{err: errStopping}
	}
	notifyReloading()
	defer notify(daemon.SdNotifyReady)
	needRestart, err := s.reconfigure(ctx)
	if err != nil {
		s.log.Error("reloading the configuration failed; the previous one stays in force", zap.Error(err))
	} else {
		s.log.Info("the configuration was reloaded", zap.Int("tenants", len(s.current.Load().tenants)), zap.Strings("wait_for_restart", needRestart))
	}
	s.metrics.CountReload(err == nil)
	return reloadResult{needRestart, err}
}

// reconfigure checks everything before it changes anything. Requests in progress
// keep the old settings.
func (s *Server) reconfigure(ctx context.Context) (needRestart []string, err error) {
	if s.options.Load == nil {
		return nil, errNoConfiguration
	}
	read, err := s.options.Load()
	if err != nil {
		return nil, err
	}
	cfg, needRestart, err := s.started.Merge(read)
	if err != nil {
		return nil, err
	}
	apiSettings, err := s.apiSettings(cfg)
	if err != nil {
		return nil, err
	}
	consoleSettings, err := consoleSettings(cfg)
	if err != nil {
		return nil, err
	}
	previous := s.current.Load().cfg
	if err := s.apply(cfg); err != nil {
		return nil, err
	}
	s.warnOfPatterns(previous, cfg)
	s.metrics.SetTenants(labelled(cfg))
	s.log.Level.Configure(zapcore.Level(cfg.Log.Level))
	s.upstreams.SetTenants(cfg)
	s.tenantListener.SetLimits(cfg.Limits.ConnectionsPerClient, trustedProxies(cfg))
	s.api.Reconfigure(apiSettings)
	s.console.Reconfigure(consoleSettings)
	if s.decide != nil {
		s.decisions.SetDialect(dialectOf(cfg))
	}
	for _, f := range s.frontends() {
		if old := f.Replace(settingsOf(cfg)); old != nil {
			s.background.Go(func() { f.Retire(ctx, old) })
		}
	}
	s.loadNewTenants(ctx)
	return needRestart, nil
}

// ReloadResponse is the response of /reload.
type ReloadResponse struct {
	Tenants int `json:"tenants"`
	// WaitForRestart are keys whose new value needs a restart.
	WaitForRestart []string `json:"waitForRestart"`
}

// serveReload reloads, and responds with the result. Operators may see the mistakes
// in the configuration.
func (s *Server) serveReload(w http.ResponseWriter, r *http.Request) {
	result := s.requestReload(r.Context())
	mistakes, isMistake := errors.AsType[config.Mistakes](result.err)
	switch {
	case isMistake:
		var all []envelope.Error
		for _, mistake := range mistakes {
			all = append(all, envelope.Error{Code: "CONFIGURATION_INVALID", Title: "The configuration has a mistake", Detail: escape.Text(mistake.String())})
		}
		envelope.Write(w, envelope.TraceID(r.Context()), http.StatusUnprocessableEntity, all...)
	case result.err != nil:
		refuse(w, r, http.StatusInternalServerError, "RELOAD_FAILED", "Reloading failed", escape.Text(result.err.Error()))
	default:
		writeJSON(w, ReloadResponse{len(s.current.Load().tenants), append([]string{}, result.needRestart...)})
	}
}

// requestReload waits for the result of a reload. ctx ends when the gateway stops,
// or the client hangs up and reads no error.
func (s *Server) requestReload(ctx context.Context) reloadResult {
	done := make(chan reloadResult, 1)
	select {
	case s.reloads <- done:
		return <-done
	case <-ctx.Done():
		return reloadResult{err: errStopping}
	}
}
