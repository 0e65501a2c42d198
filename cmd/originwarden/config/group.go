package config

import (
	"slices"
	"strconv"
	"strings"

	"originwarden/cmd/originwarden/config/tenantids"
	"originwarden/origins"
)

// IDs returns the ids of the tenants that t stands for. The caller must not change
// them.
func (t *Tenant) IDs() []string {
	if t.IsGroup() {
		return t.ids.IDs()
	}
	return []string{t.ID}
}

// ReadIDs returns IDs of a tenant of LoadStore, which has not read its IDsFile, or the
// mistakes in that.
func (t *Tenant) ReadIDs() ([]string, error) {
	if !t.IsGroup() || t.ids != nil {
		return t.IDs(), nil
	}
	list, wrong := tenantids.Read(t.IDsFile)
	var mistakes Mistakes
	for _, m := range wrong[:min(len(wrong), maxMistakes)] {
		where := t.IDsFile
		if m.Line > 0 {
			where += ":" + strconv.Itoa(m.Line)
		}
		mistakes = append(mistakes, Mistake{Where: where, Message: m.Message})
	}
	if mistakes != nil {
		return nil, mistakes
	}
	return list.IDs(), nil
}

// IsGroup reports whether t stands for the tenants of an IDsFile.
func (t *Tenant) IsGroup() bool { return t.IDsFile != "" }

// For returns the tenant with an id: t with the id in the place of each {id}. It has
// no IDsFile. For an id of a group, its values are in canonical form.
func (t *Tenant) For(id string) *Tenant {
	of := *t
	of.ID, of.IDsFile, of.ids = id, "", nil
	of.Hosts = replaceID(t.Hosts, func(host string) string { return tenantids.Replace(host, strings.ToLower(id)) })
	of.PublicOrigins = replaceID(t.PublicOrigins, func(entry string) string {
		entry = tenantids.Replace(entry, id)
		if canonical, err := origins.ParseEntry(entry); err == nil {
			return canonical
		}
		return entry
	})
	of.Upstream, _ = t.Upstream.For(id) // the ids of a group were checked
	return &of
}

// replaceID returns the texts, each replaced unless none has {id}.
func replaceID(texts []string, replace func(string) string) []string {
	if !slices.ContainsFunc(texts, tenantids.IsIn) {
		return texts
	}
	replaced := make([]string, len(texts))
	for i, text := range texts {
		replaced[i] = replace(text)
	}
	return replaced
}

// TenantIDs returns the ids of all tenants, in the order of the file.
func (c *Config) TenantIDs() []string {
	var all []string
	for i := range c.Tenants {
		all = append(all, c.Tenants[i].IDs()...)
	}
	return all
}

// Groups are the tenants of all groups. They have indexes from 0, in the order of the
// file; -1 is none.
type Groups []*Tenant

// Groups returns the tenants of c that are in groups.
func (c *Config) Groups() (all Groups) {
	for i := range c.Tenants {
		if t := &c.Tenants[i]; t.IsGroup() {
			all = append(all, t)
		}
	}
	return all
}

// Len returns the number of tenants.
func (g Groups) Len() (n int) {
	for _, t := range g {
		n += len(t.ids.IDs())
	}
	return n
}

// IndexOfID finds the tenant with an id.
func (g Groups) IndexOfID(id string) int {
	return g.index(func(t *Tenant) int { return t.ids.Index(id) })
}

// IndexOfHost finds the tenant with a host, which is in lower case and has no port.
func (g Groups) IndexOfHost(host string) int {
	return g.index(func(t *Tenant) int { return t.indexOfHost(host) })
}

func (t *Tenant) indexOfHost(host string) int {
	for _, template := range t.Hosts {
		if i := t.ids.IndexOfHost(template, host); i >= 0 {
			return i
		}
	}
	return -1
}

// index returns the index of the tenant that indexIn finds in one of the groups.
func (g Groups) index(indexIn func(*Tenant) int) int {
	before := 0
	for _, t := range g {
		if i := indexIn(t); i >= 0 {
			return before + i
		}
		before += len(t.ids.IDs())
	}
	return -1
}

// At returns the tenant with an index.
func (g Groups) At(index int) *Tenant {
	for _, t := range g {
		ids := t.ids.IDs()
		if index < len(ids) {
			return t.For(ids[index])
		}
		index -= len(ids)
	}
	return nil
}

// place returns the file and line of the id with an index.
func (g Groups) place(index int) string {
	for _, t := range g {
		if index < len(t.ids.IDs()) {
			return t.ids.Place(index)
		}
		index -= len(t.ids.IDs())
	}
	return ""
}
