package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/proxy"
)

// upstreamTLS is how the upstreams of tenants with the same upstream_tls are
// reached. It changes with its files, and may be used concurrently.
type upstreamTLS struct {
	files   config.UpstreamTLS
	tenants []string
	current atomic.Pointer[tls.Config]
}

// load returns what is in use now: nil without TLS of the tenants' own.
func (u *upstreamTLS) load() *tls.Config {
	if u == nil {
		return nil
	}
	return u.current.Load()
}

// upstreamTLSs are all of a configuration.
type upstreamTLSs map[config.UpstreamTLS]*upstreamTLS

func loadUpstreamTLS(cfg *config.Config) (upstreamTLSs, error) {
	all := upstreamTLSs{}
	for _, t := range cfg.Tenants {
		if t.UpstreamTLS == (config.UpstreamTLS{}) {
			continue
		}
		of := all[t.UpstreamTLS]
		if of == nil {
			read, err := t.UpstreamTLS.Load()
			if err != nil {
				return nil, fmt.Errorf("reading the TLS files of tenant %s: %w", t.ID, err)
			}
			of = &upstreamTLS{files: t.UpstreamTLS}
			of.current.Store(read)
			all[t.UpstreamTLS] = of
		}
		of.tenants = append(of.tenants, t.ID)
	}
	return all, nil
}

// notAfter is when the first certificate ends that an upstream is shown, or the
// zero time if none is.
func (all upstreamTLSs) notAfter() (first time.Time) {
	for _, of := range all {
		first = earlier(first, endOf(of.load()))
	}
	return first
}

// followed are the files, for the gateway whose tenants these are.
func (all upstreamTLSs) followed(gateway *proxy.Gateway, log *zap.Logger) (files []*followed) {
	for _, of := range all {
		files = append(files, of.followed(gateway, log.With(of.fields()...)))
	}
	return files
}

func (u *upstreamTLS) followed(gateway *proxy.Gateway, log *zap.Logger) *followed {
	return &followed{
		files: []string{u.files.CA, u.files.Cert, u.files.Key},
		take:  func(context.Context) error { return u.renew(gateway, log) },
		fail: func(problem string) {
			log.Error("the TLS files of upstreams could not be read again; the old ones are used", zap.String("error", problem))
		},
	}
}

func (u *upstreamTLS) fields() []zap.Field {
	const most = 20 // of a line
	return []zap.Field{zap.Strings("tenants", u.tenants[:min(most, len(u.tenants))]), zap.String("ca", u.files.CA), zap.String("cert", u.files.Cert)}
}

// renew has the gateway use what the files have, if that is something else.
func (u *upstreamTLS) renew(gateway *proxy.Gateway, log *zap.Logger) error {
	read, err := u.files.Load()
	if err != nil || sameTLS(read, u.load()) {
		return err
	}
	gateway.RenewTLS(u.current.Swap(read), read)
	log.Info("the TLS files of upstreams have changed", zap.Time("not_after", endOf(read)))
	return nil
}
