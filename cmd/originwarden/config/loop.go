package config

import (
	"cmp"
	"fmt"
	"net"

	"originwarden/cmd/originwarden/config/ownaddress"
)

// checkLoops refuses upstreams that are addresses of the gateway itself. It does
// not look up names: other loops are found when a request comes back.
func (c *checker) checkLoops() {
	c.checkLoop(defaultsKey, c.Defaults.Upstream)
	for i, t := range c.Tenants {
		c.checkLoop(elementPath("tenants", i), t.Upstream)
	}
}

// checkLoop checks the upstream of the tenant at path, unless it has {id}.
func (c *checker) checkLoop(path string, u UpstreamURL) {
	if u.URL == nil || u.template != "" {
		return
	}
	if problem := c.loopProblem(u); problem != "" {
		c.reportAt(path+".upstream", "%s.upstream: %s", path, problem)
	}
}

// loopProblem says that u is the gateway itself, or returns "".
func (c *checker) loopProblem(u UpstreamURL) string {
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "h2c": "80", "https": "443"}[u.Scheme])
	for _, own := range []struct{ key, address string }{{"listen", c.Listen}, {"admin.listen", c.Admin.Listen}, {"decide.listen", c.Decide.Listen}} {
		host, ownPort, err := net.SplitHostPort(own.address)
		if err == nil && port == ownPort && ownaddress.Reaches(u.Hostname(), host) {
			return fmt.Sprintf("%.80q is the gateway itself: %s is %.80q", u.String(), own.key, own.address)
		}
	}
	return ""
}
