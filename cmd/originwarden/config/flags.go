package config

import (
	"cmp"
	"encoding"
	"path/filepath"
	"slices"
)

// Flag is a flag of the command line that overrides the file: listen,
// admin-listen, upstream, store, data, mode or log-format.
type Flag struct {
	Name  string // without its hyphens
	Value string
}

// applyFlags overrides the file's values. mode comes last, because upstream may
// add the tenant that mode is for.
func (c *checker) applyFlags(flags []Flag) {
	order := map[string]int{"mode": 1} // the others are 0
	flags = slices.SortedStableFunc(slices.Values(flags), func(a, b Flag) int { return cmp.Compare(order[a.Name], order[b.Name]) })
	for _, flag := range flags {
		switch flag.Name {
		case "listen":
			c.Listen = flag.Value
			c.SetFlag("listen", flag.Name)
		case "admin-listen":
			c.Admin.Listen = flag.Value
			c.SetFlag("admin.listen", flag.Name)
		case "store":
			c.applyFlag(flag, "store.url", &c.Store.URL)
		case "data": // the directory of the SQLite file
			flag.Value = "sqlite:" + filepath.Join(flag.Value, Default().Store.URL.Path)
			c.applyFlag(flag, "store.url", &c.Store.URL)
		case "log-format":
			c.applyFlag(flag, "log.format", &c.Log.Format)
		case "upstream":
			if t := c.onlyTenant(flag); t != nil {
				c.applyFlag(flag, "tenants[0].upstream", &t.Upstream)
			}
		case "mode":
			if t := c.onlyTenant(flag); t != nil {
				c.applyFlag(flag, "tenants[0].mode", &t.Mode)
			}
		}
	}
}

func (c *checker) applyFlag(flag Flag, path string, into encoding.TextUnmarshaler) {
	c.SetFlag(path, flag.Name)
	if err := into.UnmarshalText([]byte(flag.Value)); err != nil {
		c.Reject(path, "%v", err)
	}
}

// onlyTenant returns the tenant that a flag is for, or nil. If the file has
// none, upstream adds one without hosts.
func (c *checker) onlyTenant(flag Flag) *Tenant {
	at := position{Flag: flag.Name}
	switch {
	case len(c.Tenants) == 1 && c.Tenants[0].IsGroup():
		c.Report(at, "the tenant has an ids_file, so the flag is ambiguous")
		return nil
	case len(c.Tenants) == 1:
	case len(c.Tenants) > 1:
		c.Report(at, "the file has %d tenants, so the flag is ambiguous", len(c.Tenants))
		return nil
	case c.isInvalid("tenants"):
		return nil
	case flag.Name == "upstream":
		c.Tenants = []Tenant{c.Defaults}
		c.Tenants[0].ID = "default"
		c.SetFlag("tenants[0]", flag.Name)
		c.SetFlag("tenants[0].id", flag.Name)
	default:
		c.Report(at, "there is no tenant to apply it to")
		return nil
	}
	return &c.Tenants[0]
}
