package config

import (
	"fmt"
	"strings"

	"originwarden/cmd/originwarden/config/tenantids"
	"originwarden/origins"
)

// Of the ids of one file.
const (
	maxMistakes = 100  // are reported
	maxChecked  = 1000 // may have an upstream_check, which runs for each
)

// groupChecker checks the ids of a group. Each mistake has a line of the ids_file.
type groupChecker struct {
	*checker
	path    string
	group   *Tenant
	earlier Groups      // those before it
	ids     pathsByName // of single tenants, like hosts
	hosts   pathsByName

	checked  checkedValues
	mistakes int
}

// checkedValues are the values with {id} that are correct with some ids: the indexes
// of hosts and public_origins, and whether upstream is one.
type checkedValues struct {
	hosts, publicOrigins []int
	upstream             bool
}

// checkGroups checks the groups against the single tenants, whose ids and hosts are
// given, and against each other.
func (c *checker) checkGroups(ids, hosts pathsByName) {
	var earlier Groups
	for i := range c.Tenants {
		if t := &c.Tenants[i]; t.IsGroup() {
			g := groupChecker{checker: c, path: elementPath("tenants", i), group: t, earlier: earlier, ids: ids, hosts: hosts}
			g.check()
			earlier = append(earlier, t)
		}
	}
}

func (g *groupChecker) check() {
	if g.isSet(g.path + ".id") {
		g.reportAt(g.path, "%s has both id and ids_file: one of them names its tenants", g.path)
	}
	g.checkHostTemplates()
	list, mistakes := tenantids.Read(g.group.IDsFile)
	g.group.ids = list
	for _, m := range mistakes {
		g.reportLine(m.Line, m.Message)
	}
	g.checked = g.valuesToCheck()
	for i, id := range list.IDs() {
		g.checkID(i, id)
	}
	if n := len(list.IDs()); n > maxChecked && g.group.UpstreamCheck.Path != "" {
		g.reportAt(g.path+".upstream_check", "%s.upstream_check runs for each of %d tenants: at most %d of a file can have it", g.path, n, maxChecked)
	}
	if more := g.mistakes - maxMistakes; more > 0 {
		g.Report(position{Line: g.line(), Place: g.group.IDsFile}, "%d more mistakes", more)
	}
}

// checkHostTemplates brings the hosts into lower case. Each has to be a different one
// for each id.
func (g *groupChecker) checkHostTemplates() {
	at := g.path + ".hosts"
	if len(g.group.Hosts) == 0 {
		g.reportAt(g.path, "%s has no hosts: tenants of an ids_file need one such as {id}.example.com", g.path)
	}
	hosts := make([]string, len(g.group.Hosts)) // those of the defaults are shared
	for i, template := range g.group.Hosts {
		hosts[i] = strings.TrimSuffix(strings.ToLower(template), ".")
		canonical, err := parseHost(tenantids.Replace(template, tenantids.Any))
		switch {
		case strings.Count(template, tenantids.Placeholder) != 1:
			g.reportAt(elementPath(at, i), "the host %.80q of tenants of an ids_file does not have {id} once", template)
		case err != nil:
			g.reportAt(elementPath(at, i), "the host %.80q %v", template, err)
		case canonical != tenantids.Replace(hosts[i], tenantids.Any):
			g.reportAt(elementPath(at, i), "the host %.80q is not ASCII: write it in its form with xn--", template)
		}
	}
	g.group.Hosts = hosts
}

func (g *groupChecker) checkID(index int, id string) {
	if first, isDuplicate := g.ids[id]; isDuplicate {
		g.reportID(index, "duplicate tenant id %q, first at %s%s", id, first, g.lineOf(first))
	}
	if i := g.earlier.IndexOfID(id); i >= 0 {
		g.reportID(index, "duplicate tenant id %q, first at %s", id, g.earlier.place(i))
	}
	for _, i := range g.checked.hosts {
		g.checkIDsHost(index, id, i)
	}
	for _, i := range g.checked.publicOrigins {
		entry := tenantids.Replace(g.group.PublicOrigins[i], id)
		if _, err := origins.ParseEntry(entry); err != nil {
			g.reportID(index, "%s: %.80q: %v", elementPath(g.path+".public_origins", i), entry, err)
		}
	}
	if g.checked.upstream {
		g.checkIDsUpstream(index, id)
	}
}

func (g *groupChecker) valuesToCheck() (all checkedValues) {
	for i := range g.group.Hosts {
		if !g.IsFaulty(elementPath(g.path+".hosts", i)) {
			all.hosts = append(all.hosts, i)
		}
	}
	for i, entry := range g.group.PublicOrigins {
		if tenantids.IsIn(entry) && !g.IsFaulty(elementPath(g.path+".public_origins", i)) {
			all.publicOrigins = append(all.publicOrigins, i)
		}
	}
	all.upstream = g.group.Upstream.template != "" && !g.IsFaulty(g.path+".upstream")
	return all
}

// checkIDsHost checks the host at an index with an id, which has an index too.
func (g *groupChecker) checkIDsHost(index int, id string, at int) {
	host := tenantids.Replace(g.group.Hosts[at], strings.ToLower(id))
	canonical, err := parseHost(host)
	if err != nil {
		g.reportID(index, "%s: the host %.80q %v", elementPath(g.path+".hosts", at), host, err)
		return
	}
	if canonical != host {
		g.reportID(index, "%s: the host %.80q is another one in browsers: %q", elementPath(g.path+".hosts", at), host, canonical)
		return
	}
	if first, isDuplicate := g.hosts[host]; isDuplicate {
		g.reportID(index, "duplicate host %q, first at %s%s", host, first, g.lineOf(first))
	}
	if i := g.earlier.IndexOfHost(host); i >= 0 {
		g.reportID(index, "duplicate host %q, first of the id at %s", host, g.earlier.place(i))
	}
	for _, before := range g.group.Hosts[:at] {
		if i := g.group.ids.IndexOfHost(before, host); i >= 0 {
			g.reportID(index, "duplicate host %q, first of the id at %s", host, g.group.ids.Place(i))
		}
	}
}

func (g *groupChecker) checkIDsUpstream(index int, id string) {
	of, err := g.group.Upstream.For(id)
	if err != nil {
		g.reportID(index, "%s.upstream: %v", g.path, err)
	} else if problem := g.loopProblem(of); problem != "" {
		g.reportID(index, "%s.upstream: %s", g.path, problem)
	}
}

func (g *groupChecker) line() int { return g.Line(g.path + ".ids_file") }

// reportLine reports a mistake in a line of the file, or in the file if it is 0.
func (g *groupChecker) reportLine(line int, message string) {
	if line == 0 {
		g.reportAt(g.path+".ids_file", "%s.ids_file: %s", g.path, message)
		return
	}
	g.reportPlace(fmt.Sprintf("%s:%d", g.group.IDsFile, line), "%s", message)
}

// reportID reports a mistake in the id at an index.
func (g *groupChecker) reportID(index int, format string, args ...any) {
	g.reportPlace(g.group.ids.Place(index), format, args...)
}

func (g *groupChecker) reportPlace(place, format string, args ...any) {
	if g.mistakes++; g.mistakes <= maxMistakes {
		g.Report(position{Line: g.line(), Place: place}, format, args...)
	}
}
