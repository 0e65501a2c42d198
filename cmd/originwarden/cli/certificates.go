package cli

import (
	"crypto/tls"
	"time"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
)

// certificates are those of the listener, the default first. They may be used
// concurrently.
type certificates []*certificate

func newCertificates(files config.TLS, log *zap.Logger) (certificates, error) {
	var all certificates
	for _, pair := range files.KeyPairs() {
		c, err := newCertificate(pair, log)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// serverConfig is for TLS 1.2 and up. Connections that are open keep the
// certificate they began with.
func (c certificates) serverConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.choose}
}

// choose returns the first certificate that has the name the client asks for
// and that the client can verify, or else the default.
func (c certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, candidate := range c {
		if current := candidate.current.Load(); hello.SupportsCertificate(current) == nil {
			return current, nil
		}
	}
	return c[0].current.Load(), nil
}

func (c certificates) followed() (all []*followed) {
	for _, each := range c {
		all = append(all, each.followed())
	}
	return all
}

// warnOfCertificates says which certificates clients will refuse.
func (p *plan) warnOfCertificates() {
	const most = 20 // of a line
	if problems := p.cfg.CertificateWarnings(time.Now()); len(problems) > 0 {
		p.log.Warn("certificates will be refused", zap.Int("problems", len(problems)), zap.Strings("first", problems[:min(most, len(problems))]))
	}
}
