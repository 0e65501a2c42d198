package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/store/sqlite"
)

// boundsConsequence is what it means that lists are not in memory.
const boundsConsequence = "a list that is not in memory is read for its next request, which is refused (503) while the store is away"

// warnOfTenants says that not all tenants' lists can be in memory.
func (p *plan) warnOfTenants() {
	if n, most := len(p.cfg.Tenants), p.cfg.Cache.Tenants; n > most {
		p.log.Warn("there are more tenants than cache.tenants",
			zap.Int("tenants", n), zap.Int("cache_tenants", most), zap.String("consequence", boundsConsequence))
	}
}

// warnOfOrigins says that the lists of tenants, as many as may be in memory, are
// not all there once they were loaded.
func (s *service) warnOfOrigins() {
	tenants := min(len(*s.served.Load()), s.cfg.Cache.Tenants)
	if held := s.lists.Stats(); held.Tenants < tenants {
		s.log.Warn("the lists have more origins than cache.origins",
			zap.Int("tenants", tenants), zap.Int("in_memory", held.Tenants), zap.Int("cache_origins", s.cfg.Cache.Origins),
			zap.String("consequence", boundsConsequence))
	}
}

// tellOfBounds is both warnings for a configuration that is only checked. Lists
// in a cluster are counted at the start alone.
func tellOfBounds(ctx context.Context, stderr io.Writer, cfg *config.Config) {
	if n, most := len(cfg.Tenants), cfg.Cache.Tenants; n > most {
		fmt.Fprintf(stderr, "originwarden: warning: there are %d tenants, and cache.tenants is %d: %s\n", n, most, boundsConsequence)
	}
	if !cfg.Store.URL.Remote() && areOver(ctx, cfg) {
		fmt.Fprintf(stderr, "originwarden: warning: the lists in %s have more origins than cache.origins, which is %d: %s\n",
			cfg.Store.URL, cfg.Cache.Origins, boundsConsequence)
	}
}

// countPatience is for counting origins in a file. Lists that take longer are
// counted at the start.
const countPatience = 5 * time.Second

// areOver reports whether the tenants' lists in the file are known to have more
// origins than may be in memory.
func areOver(ctx context.Context, cfg *config.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	file, err := sqlite.OpenReader(ctx, cfg.Store.URL.Path)
	if err != nil {
		return false // there is none yet, or the start says what is wrong with it
	}
	defer file.Close()
	n := 0
	for _, t := range cfg.Tenants {
		_, all, err := file.Load(ctx, t.ID)
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
