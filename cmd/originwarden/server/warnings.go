package server

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/stores"
	"originwarden/origins"
	"originwarden/store/sqlite"
)

const (
	boundsConsequence = "a list that is not in memory is loaded for the next request that needs it, which is refused (503) while the store is unavailable"
	everyHostFix      = `set its hosts, or hosts: ["*"] if that is meant`
	tooManyOrigins    = "the lists have more origins than cache.origins"
)

// warnAbout calls warn for each probable mistake that is visible in cfg.
func warnAbout(cfg *config.Config, onLoopback bool, warn func(message string, fields ...zap.Field)) {
	if tenant := cfg.TenantWithoutHosts(); tenant != "" && !onLoopback {
		warn("a tenant without hosts serves every host, so pages can reach it by DNS rebinding",
			zap.String("tenant", tenant), zap.String("fix", everyHostFix))
	}
	if n, limit := len(cfg.TenantIDs()), cfg.Cache.Tenants; n > limit {
		warn("there are more tenants than cache.tenants",
			zap.Int("tenants", n), zap.Int("cache_tenants", limit), zap.String("consequence", boundsConsequence))
	}
}

// Warnings returns what a server of cfg would warn of, as far as that is known
// before it listens. The lists in a cluster are not read.
func Warnings(ctx context.Context, cfg *config.Config) (all []string) {
	warn := func(message string, fields ...zap.Field) {
		for _, f := range fields {
			value := zapcore.NewMapObjectEncoder()
			f.AddTo(value)
			message += fmt.Sprintf("; %s: %v", f.Key, value.Fields[f.Key])
		}
		all = append(all, message)
	}
	warnAbout(cfg, cfg.ListensOnLoopback(), warn)
	if !cfg.Store.URL.Remote() && exceedsOrigins(ctx, cfg) {
		warn(tooManyOrigins, zap.Stringer("store", cfg.Store.URL), zap.Int("cache_origins", cfg.Cache.Origins),
			zap.String("consequence", boundsConsequence))
	}
	return all
}

// exceedsOrigins reports whether the tenants' lists in a file are known to have
// more origins than fit into memory. It gives up after a while.
func exceedsOrigins(ctx context.Context, cfg *config.Config) bool {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	file, err := sqlite.OpenReader(ctx, cfg.Store.URL.Path)
	if err != nil {
		return false // it is missing, or the start will report what is wrong with it
	}
	defer file.Close()
	_, written, err := file.Tenants(ctx)
	if err != nil {
		return false
	}
	n := 0
	for _, tenant := range cfg.TenantIDs() {
		if _, has := written[tenant]; !has {
			continue
		}
		_, all, err := file.Load(ctx, tenant)
		if err != nil {
			return false
		}
		for _, w := range all {
			n += len(w.ValidOrigins)
		}
		if n > cfg.Cache.Origins {
			return true
		}
	}
	return false
}

// logWarnings logs what is probably a mistake in cfg.
func (s *Server) logWarnings(cfg *config.Config) {
	warnAbout(cfg, isLoopback(s.address), s.log.Warn)
	const maxProblems = 20 // in a line
	if problems := cfg.CertificateWarnings(time.Now()); len(problems) > 0 {
		s.log.Warn("certificates will be rejected", zap.Int("problems", len(problems)), zap.Strings("first", problems[:min(maxProblems, len(problems))]))
	}
}

// warnOfPatterns warns if next allows fewer patterns than previous, for a tenant or for
// those of a file of ids.
func (s *Server) warnOfPatterns(previous, next *config.Config) {
	before := make(map[string]config.Patterns, len(previous.Tenants))
	for _, t := range previous.Tenants {
		before[cmp.Or(t.ID, t.IDsFile)] = t.Patterns
	}
	for _, t := range next.Tenants {
		if was := before[cmp.Or(t.ID, t.IDsFile)]; t.Patterns < was {
			s.log.Warn("the tenant's configuration allows fewer patterns than before: the other patterns among its entries match nothing",
				zap.String("tenant", cmp.Or(t.ID, t.IDsFile)), zap.Stringer("patterns", origins.Patterns(t.Patterns)), zap.Stringer("before", origins.Patterns(was)))
		}
	}
}

// warnOfOrigins warns if the loaded lists did not fit into memory.
func (s *Server) warnOfOrigins() {
	tenants := min(len(s.current.Load().tenants), s.started.Cache.Tenants)
	if held := s.lists.Stats(); held.Tenants < tenants {
		s.log.Warn(tooManyOrigins,
			zap.Int("tenants", tenants), zap.Int("in_memory", held.Tenants), zap.Int("cache_origins", s.started.Cache.Origins),
			zap.String("consequence", boundsConsequence))
	}
}

// warnOfNewStore warns of a store without any write, which may be the wrong one.
// A start list shows that an empty one is meant.
func (s *Server) warnOfNewStore() {
	if s.lists.State().Newest != 0 {
		return
	}
	fields := []zap.Field{zap.String("store", stores.Name(s.started.Store.URL))}
	if s.readiness.Earlier != "" {
		fields = append(fields, zap.String("before", s.readiness.Earlier))
	}
	switch {
	case len(s.options.StartList.Origins) == 0:
		s.log.Warn("the store is new and empty: no origin is listed", fields...)
	case s.readiness.Earlier != "":
		s.log.Warn("the store is new and has only the origins of --origin", fields...)
	}
}

// waitForStore logs that another process uses the store's file, and reports
// whether to wait for it to end.
func (s *Server) waitForStore() bool {
	if s.options.WaitForStore {
		s.log.Warn("the database is in use by another process: waiting for it to end", zap.String("file", s.started.Store.URL.Path))
	}
	return s.options.WaitForStore
}
