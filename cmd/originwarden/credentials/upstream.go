package credentials

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
)

// Upstreams are the TLS settings for tenants' upstreams, by the key upstream_tls.
// They may be used concurrently.
type Upstreams map[config.UpstreamTLS]*upstream

// upstream is what tenants with the same upstream_tls share: the files, and the
// settings last read from them.
type upstream struct {
	files   config.UpstreamTLS
	tenants []string                   // at least the first maxShown
	current atomic.Pointer[tls.Config] // replaced when the files change
}

const maxShown = 20 // tenants, in a log line

// LoadUpstreams reads the files of all tenants. It reuses the *tls.Config of
// previous where the certificates have not changed. previous may be nil.
func LoadUpstreams(cfg *config.Config, previous Upstreams) (Upstreams, error) {
	all := Upstreams{}
	for _, t := range cfg.Tenants {
		if t.UpstreamTLS == (config.UpstreamTLS{}) {
			continue
		}
		shared := all[t.UpstreamTLS]
		if shared == nil {
			read, err := t.UpstreamTLS.Load()
			if err != nil {
				return nil, fmt.Errorf("reading the TLS files of tenant %s: %w", t.IDs()[0], err)
			}
			if old := previous.TLS(&t); SameTLS(old, read) {
				read = old
			}
			shared = &upstream{files: t.UpstreamTLS}
			shared.current.Store(read)
			all[t.UpstreamTLS] = shared
		}
		ids := t.IDs()
		shared.tenants = append(shared.tenants, ids[:min(len(ids), maxShown)]...)
	}
	return all, nil
}

// TLS returns the settings in use for a tenant, or nil if it has none of its own.
func (u Upstreams) TLS(t *config.Tenant) *tls.Config {
	if shared := u[t.UpstreamTLS]; shared != nil {
		return shared.current.Load()
	}
	return nil
}

// NotAfter returns the earliest expiry of the client certificates, or the zero
// time if there are none.
func (u Upstreams) NotAfter() (earliest time.Time) {
	for _, shared := range u {
		earliest = earlier(earliest, NotAfter(shared.current.Load()))
	}
	return earliest
}

// Files returns the files to follow. apply is called when settings have changed.
func (u Upstreams) Files(apply func(old, renewed *tls.Config), log *zap.Logger) (files []*Files) {
	for _, shared := range u {
		log := log.With(zap.Strings("tenants", shared.tenants[:min(maxShown, len(shared.tenants))]), zap.String("ca", shared.files.CA), zap.String("cert", shared.files.Cert))
		files = append(files, &Files{
			Names:   []string{shared.files.CA, shared.files.Cert, shared.files.Key},
			Apply:   func(context.Context) error { return shared.reload(apply, log) },
			Log:     log,
			Failure: "reloading the TLS files of upstreams failed; the old ones are used",
		})
	}
	return files
}

func (u *upstream) reload(apply func(old, renewed *tls.Config), log *zap.Logger) error {
	read, err := u.files.Load()
	if err != nil || SameTLS(read, u.current.Load()) {
		return err
	}
	apply(u.current.Swap(read), read)
	log.Info("the TLS files of upstreams have changed", zap.Time("not_after", NotAfter(read)))
	return nil
}
