package config

import "originwarden/cmd/originwarden/config/tenantids"

// defaultsKey is that of a tenant of which each of the tenants begins as a copy.
const defaultsKey = "defaults"

// checkDefaults checks the defaults as far as they do not depend on a tenant. Their
// mistakes are not reported again for each tenant that inherits them.
func (c *checker) checkDefaults() {
	for _, key := range []string{"id", "ids_file"} {
		if at := defaultsKey + "." + key; c.isSet(at) {
			c.reportAt(at, "%s cannot have a default: it is different for each tenant", key)
		}
	}
	for i := range c.Tenants {
		if t := &c.Tenants[i]; t.IDsFile == c.Defaults.IDsFile {
			t.IDsFile = ""
		}
	}
	t := c.Defaults.For(tenantids.Any)
	c.checkHosts(defaultsKey+".hosts", t.Hosts, pathsByName{})
	c.checkTenant(defaultsKey, t)
}
