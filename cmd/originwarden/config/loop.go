package config

import (
	"cmp"
	"net"

	"originwarden/cmd/originwarden/config/ownaddress"
)

// checkLoops refuses upstreams that are addresses of the gateway itself. It does
// not look up names: other loops are found when a request comes back.
func (c *checker) checkLoops() {
	for i, t := range c.Tenants {
		if t.Upstream.URL == nil {
			continue
		}
		port := cmp.Or(t.Upstream.Port(), map[string]string{"http": "80", "h2c": "80", "https": "443"}[t.Upstream.Scheme])
		for _, own := range []struct{ key, address string }{{"listen", c.Listen}, {"admin.listen", c.Admin.Listen}} {
			host, ownPort, err := net.SplitHostPort(own.address)
			if err != nil || port != ownPort || !ownaddress.Reaches(t.Upstream.Hostname(), host) {
				continue
			}
			at := elementPath("tenants", i) + ".upstream"
			c.reportAt(at, "%s: %.80q is the gateway itself: %s is %.80q", at, t.Upstream.String(), own.key, own.address)
		}
	}
}
