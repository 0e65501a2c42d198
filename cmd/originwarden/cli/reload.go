package cli

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/envelope"
	"originwarden/escape"
)

// obey reads the configuration again whenever it is asked to, until ctx ends.
func (g *gateway) obey(ctx context.Context, a around) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.hangups:
			_, _ = g.reload(a.load) // what went wrong is in the log
		}
	}
}

var (
	errNoConfiguration = errors.New("there is no configuration to read again")
	errStopping        = errors.New("the gateway is stopping")
)

// reload reads the configuration and serves by it. A bad one changes nothing.
// What runs comes to its end by the old one. The keys are those that wait for
// the next start.
func (g *gateway) reload(load func() (*config.Config, error)) (waiting []string, err error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	if g.stopping.Load() {
		return nil, errStopping
	}
	tellReloading()
	defer tellSystemd(daemon.SdNotifyReady)
	if waiting, err = g.adoptFrom(load); err != nil {
		g.log.Error("the configuration was not taken, the old one goes on", zap.Error(err))
	} else {
		g.log.Info("the configuration was read again", zap.Int("tenants", len(*g.served.Load())), zap.Strings("wait_for_restart", waiting))
	}
	g.metrics.Reloaded(err == nil)
	return waiting, err
}

func (g *gateway) adoptFrom(load func() (*config.Config, error)) (waiting []string, err error) {
	if load == nil {
		return nil, errNoConfiguration
	}
	next, err := load()
	if err != nil {
		return nil, err
	}
	// What a start did by itself is compared with what it was given.
	merged, waiting := g.cfg.Reloaded(next)
	return waiting, g.adopt(merged)
}

// adopt serves by cfg.
func (g *gateway) adopt(cfg *config.Config) error {
	before := g.current.Load()
	p := g.plan
	p.cfg = cfg
	settings, err := g.apiSettings(cfg)
	if err != nil {
		return err
	}
	next, err := p.generation(before)
	if err != nil {
		return err
	}
	g.metrics.Label(labelled(cfg))
	g.log.Level.Configure(zapcore.Level(cfg.Log.Level))
	g.checks()
	g.serving(before.cfg, cfg)
	g.limits.Change(cfg.Limits.ConnectionsPerClient, trustedProxies(cfg))
	g.plan.api.Reconfigure(settings)
	g.current.Store(next)
	g.watchUpstreams()
	g.loadNewLists(cfg)
	return nil
}

// loadNewLists has the lists of new tenants in the cache before somebody asks.
func (g *gateway) loadNewLists(cfg *config.Config) {
	ctx, cancel := context.WithTimeout(g.base, time.Duration(cfg.Store.Timeout))
	defer cancel()
	if err := g.lists.Preload(ctx); err != nil {
		g.log.Warn("reading the lists of new tenants", zap.Error(err))
	}
}

// watchUpstreams begins to check the upstreams of the current generation, and to
// follow their TLS files.
func (g *gateway) watchUpstreams() {
	now := g.current.Load()
	ctx, stop := context.WithCancel(g.base)
	var running sync.WaitGroup
	running.Go(func() { g.upstreams.check(ctx, now) })
	running.Go(func() { followFiles(ctx, now.upstreamTLS.followed(now.gateway, g.log.Logger)...) })
	g.checks = func() {
		stop()
		running.Wait()
	}
}

// endChecks is checks, after a reload that is under way.
func (g *gateway) endChecks() {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.checks()
}

// reloadDocument is the answer of /reload.
type reloadDocument struct {
	Tenants int `json:"tenants"`
	// WaitForRestart are keys whose new value the process cannot take.
	WaitForRestart []string `json:"waitForRestart"`
}

// reloadFor answers to somebody who may have the configuration read again. The
// mistakes of one are told: they may see it.
func (g *gateway) reloadFor(load func() (*config.Config, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		waiting, err := g.reload(load)
		mistakes, isBad := errors.AsType[config.Mistakes](err)
		switch {
		case isBad:
			var all []envelope.Error
			for line := range strings.SplitSeq(mistakes.Error(), "\n") {
				all = append(all, envelope.Error{Code: "CONFIGURATION_INVALID", Title: "The configuration has a mistake", Detail: escape.Text(line)})
			}
			envelope.Write(w, envelope.NewTraceID(), http.StatusUnprocessableEntity, all...)
		case err != nil:
			envelope.Write(w, envelope.NewTraceID(), http.StatusInternalServerError,
				envelope.Error{Code: "RELOAD_FAILED", Title: "The configuration was not taken", Detail: escape.Text(err.Error())})
		default:
			writeJSON(w, http.StatusOK, reloadDocument{len(*g.served.Load()), append([]string{}, waiting...)})
		}
	}
}
