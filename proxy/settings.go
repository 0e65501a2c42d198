package proxy

import (
	"context"
	"net/http/httputil"

	"originwarden/clientaddr"
)

// settings are a Config with what is derived from it. They are immutable: an
// exchange keeps those that it began with.
type settings struct {
	Config
	hosts      hosts
	transports map[route]*transport // of all tenants
	stamps     stamps
	trusted    clientaddr.Proxies
	forward    *httputil.ReverseProxy
}

// compile returns the settings of cfg, or every mistake in its tenants at once.
// Of the settings before, it takes over the transports and what is counted.
func compile(cfg Config, before *settings) (*settings, error) {
	s := &settings{
		Config:     cfg,
		transports: map[route]*transport{},
		stamps:     newStamps(cfg.CORS),
		trusted:    cfg.TrustedProxies,
		forward:    newForwarder(cfg.ErrorLog),
	}
	s.fillHooks()
	return s, s.addTenants(before)
}

func (s *settings) fillHooks() {
	if s.Observe == nil {
		s.Observe = func(context.Context, *Exchange) {}
	}
	if s.Opened == nil {
		s.Opened = func(context.Context, *Exchange) {}
	}
	if s.Relayed == nil {
		s.Relayed = func(string, int, int) {}
	}
}
