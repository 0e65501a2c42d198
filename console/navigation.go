package console

import "slices"

// section is a page of a tenant that the navigation shows.
type section struct {
	// Path is appended to that of the tenant. It begins with a slash, or is "".
	Path, Title string
	// operators says that it is for callers of all tenants alone.
	operators bool
	// shown reports whether there is such a page; nil: always.
	shown func(*request) bool
}

// sections returns the pages of a tenant in the order of the navigation.
func sections() []section {
	return []section{
		{Path: "", Title: "Overview"},
		{Path: "/web-integrations", Title: "Web integrations"},
		{Path: "/refused", Title: "Refused", shown: mayWrite},
		{Path: "/ready", Title: "Ready to enforce", shown: mayEnforce},
		{Path: "/ask", Title: "Ask"},
		{Path: "/history", Title: "History"},
	}
}

func (r *request) visibleSections() (visible []section) {
	if r.tenant == nil {
		return nil
	}
	for _, s := range sections() {
		if (!s.operators || r.caller.Tenant() == "*") && (s.shown == nil || s.shown(r)) {
			visible = append(visible, s)
		}
	}
	return visible
}

func (r *request) hasSection(path string) bool {
	return slices.ContainsFunc(r.visibleSections(), func(s section) bool { return s.Path == path })
}

// tenantPath returns the path of a page of the request's tenant. Ids of tenants need
// no escaping.
func (r *request) tenantPath(below string) string { return "/tenants/" + r.tenant.ID + below }
