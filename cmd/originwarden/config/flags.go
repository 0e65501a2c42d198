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
func (d *decoder) applyFlags(flags []Flag, cfg *Config) {
	order := map[string]int{"mode": 1} // the others are 0
	flags = slices.SortedStableFunc(slices.Values(flags), func(a, b Flag) int { return cmp.Compare(order[a.Name], order[b.Name]) })
	for _, flag := range flags {
		switch flag.Name {
		case "listen":
			cfg.Listen, d.positions["listen"] = flag.Value, position{flag: flag.Name}
		case "admin-listen":
			cfg.Admin.Listen, d.positions["admin.listen"] = flag.Value, position{flag: flag.Name}
		case "store":
			d.applyFlag(flag, "store.url", &cfg.Store.URL)
		case "data": // the directory of the SQLite file
			flag.Value = "sqlite:" + filepath.Join(flag.Value, Default().Store.URL.Path)
			d.applyFlag(flag, "store.url", &cfg.Store.URL)
		case "log-format":
			d.applyFlag(flag, "log.format", &cfg.Log.Format)
		case "upstream":
			if t := d.onlyTenant(flag, cfg); t != nil {
				d.applyFlag(flag, "tenants[0].upstream", &t.Upstream)
			}
		case "mode":
			if t := d.onlyTenant(flag, cfg); t != nil {
				d.applyFlag(flag, "tenants[0].mode", &t.Mode)
			}
		}
	}
}

func (d *decoder) applyFlag(flag Flag, path string, into encoding.TextUnmarshaler) {
	d.positions[path] = position{flag: flag.Name}
	if err := into.UnmarshalText([]byte(flag.Value)); err != nil {
		d.reject(path, "%v", err)
	}
}

// onlyTenant returns the tenant that a flag is for, or nil. If the file has
// none, upstream adds one without hosts.
func (d *decoder) onlyTenant(flag Flag, cfg *Config) *Tenant {
	at := position{flag: flag.Name}
	switch {
	case len(cfg.Tenants) == 1:
	case len(cfg.Tenants) > 1:
		d.report(at, "the file has %d tenants, so the flag is ambiguous", len(cfg.Tenants))
		return nil
	case d.invalid["tenants"]:
		return nil
	case flag.Name == "upstream":
		cfg.Tenants = make([]Tenant, 1)
		cfg.Tenants[0].setDefaults()
		cfg.Tenants[0].ID = "default"
		d.positions["tenants[0]"], d.positions["tenants[0].id"] = at, at
	default:
		d.report(at, "there is no tenant to apply it to")
		return nil
	}
	return &cfg.Tenants[0]
}
