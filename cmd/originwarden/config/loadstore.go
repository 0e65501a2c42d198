package config

import (
	"fmt"
	"os"
)

// LoadStore is Load for what has to do with the store alone, and serves
// nothing: tenants and tokens may be missing. What is there is decoded as by
// Load, so that the file has the keys and types of a configuration.
func LoadStore(file string, flags ...Flag) (*Config, error) {
	cfg := Default()
	found := &findings{file: file, places: map[string]place{}, broken: map[string]bool{}}
	d := decoder{found}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, Mistakes{{Message: fmt.Sprintf("reading the configuration: %v", err)}}
		}
		if !found.unreadable(text) {
			d.document(text, cfg)
		}
	}
	d.flags(flags, cfg)
	c := checker{found, cfg}
	c.storeAlone()
	if err := found.result(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// storeAlone lets a flag name another store than the one that the rest of the
// file is for.
func (c *checker) storeAlone() {
	if c.Store.URL.Remote() {
		c.broken["api.tokens"] = true // nobody is let in by them here
		c.etcd()
	}
	for path, value := range map[string]int64{
		"store.timeout":             int64(c.Store.Timeout),
		"api.limits.integrations":   int64(c.API.Limits.Integrations),
		"api.limits.origins":        int64(c.API.Limits.Origins),
		"api.limits.tenant_origins": int64(c.API.Limits.TenantOrigins),
	} {
		if value == 0 {
			c.at(path, "%s has to be more than 0", path)
		}
	}
}
