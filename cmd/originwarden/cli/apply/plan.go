package apply

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"originwarden/api/client"
	"originwarden/cmd/originwarden/cli/listfile"
	"originwarden/envelope/escape"
	"originwarden/origins"
)

// change is what has to happen to one web integration.
type change struct {
	name   string
	id     string   // "": it is created
	before []string // its valid origins on the server
	wanted []string // those in the file
	delete bool
}

// adds reports whether the change adds an origin or creates a web integration.
func (c *change) adds() bool { return c.id == "" || len(c.additions()) > 0 }

// compareChanges orders changes by name.
func compareChanges(a, b change) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
}

// plan is the difference between a server and the files.
type plan struct {
	changes   []change // by name
	existing  int      // web integrations on the server
	unchanged int
	others    int // on the server, but neither in the files nor to be deleted
}

// newPlan compares the files with the server. It fails if a name of the files belongs
// to several web integrations.
func newPlan(existing []client.WebIntegration, wanted []listfile.WebIntegration, prune bool) (*plan, error) {
	byName := groupByName(existing)
	if err := checkNames(byName, wanted); err != nil {
		return nil, err
	}
	p := &plan{existing: len(existing)}
	for _, w := range wanted {
		c := change{name: w.Name, wanted: w.ValidOrigins}
		found := byName[w.Name]
		if len(found) > 0 {
			c.id, c.before = found[0].ID, found[0].ValidOrigins
		}
		if len(found) > 0 && slices.Equal(c.before, merge(c.before, c.wanted, nil)) {
			p.unchanged++
		} else {
			p.changes = append(p.changes, c)
		}
		delete(byName, w.Name)
	}
	for _, found := range byName {
		for _, e := range found {
			if prune {
				p.changes = append(p.changes, change{name: e.Name, id: e.ID, before: e.ValidOrigins, delete: true})
			} else {
				p.others++
			}
		}
	}
	slices.SortFunc(p.changes, compareChanges)
	return p, nil
}

func groupByName(all []client.WebIntegration) map[string][]client.WebIntegration {
	byName := make(map[string][]client.WebIntegration, len(all))
	for _, w := range all {
		byName[w.Name] = append(byName[w.Name], w)
	}
	return byName
}

// checkNames returns an error with a line for each name that several web integrations
// on the server have.
func checkNames(byName map[string][]client.WebIntegration, wanted []listfile.WebIntegration) error {
	var lines []string
	for _, w := range wanted {
		if found := byName[w.Name]; len(found) > 1 {
			lines = append(lines, fmt.Sprintf("%d web integrations have the name %s: %s", len(found), listfile.Quote(w.Name), joinIDs(found)))
		}
	}
	if lines == nil {
		return nil
	}
	return fmt.Errorf("%s\nrename or delete all but one of each", strings.Join(lines, "\n"))
}

func joinIDs(all []client.WebIntegration) string {
	ids := make([]string, len(all))
	for i, w := range all {
		ids[i] = escape.Text(w.ID)
	}
	return strings.Join(ids, ", ")
}

// deletesAll reports whether nothing that is on the server would stay.
func (p *plan) deletesAll() bool { return p.existing > 0 && p.tally().deleted == p.existing }

// tally counts what the plan would do.
func (p *plan) tally() tally {
	t := tally{unchanged: p.unchanged, others: p.others}
	for i := range p.changes {
		switch c := &p.changes[i]; {
		case c.delete:
			t.deleted++
		case c.id == "":
			t.created++
		default:
			t.changed++
		}
	}
	return t
}

// after returns the valid origins that the change leads to, besides those of kept that
// the web integration has already.
func (c *change) after(before []string, kept *originSet) []string {
	return merge(before, c.wanted, kept)
}

// mustWait reports whether the change removes entries that missing origins may need.
func (c *change) mustWait(missing *originSet) bool {
	return slices.ContainsFunc(unwanted(c.before, c.wanted), func(entry string) bool { return missing.mayNeed(canonicalForm(entry)) })
}

// additions returns the origins that the change adds, in canonical form.
func (c *change) additions() []string {
	has := canonicalSet(c.before)
	return slices.DeleteFunc(slices.Collect(maps.Keys(canonicalSet(c.wanted))), func(canonical string) bool { return has[canonical] })
}

// merge returns existing without the entries that are neither wanted nor kept, followed
// by the wanted ones that are missing. Entries with one canonical form are equal: the
// one that exists stays as it is written.
func merge(existing, wanted []string, kept *originSet) []string {
	isWanted, has := canonicalSet(wanted), map[string]bool{}
	merged := make([]string, 0, len(wanted))
	for _, entry := range existing {
		canonical := canonicalForm(entry)
		if isWanted[canonical] || kept.mayNeed(canonical) {
			merged = append(merged, entry)
			has[canonical] = true
		}
	}
	for _, entry := range wanted {
		if canonical := canonicalForm(entry); !has[canonical] {
			merged = append(merged, entry)
			has[canonical] = true
		}
	}
	return merged
}

// unwanted returns the entries whose origin is not among the wanted ones.
func unwanted(entries, wanted []string) []string {
	isWanted := canonicalSet(wanted)
	return slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return isWanted[canonicalForm(entry)] })
}

func canonicalSet(entries []string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, entry := range entries {
		set[canonicalForm(entry)] = true
	}
	return set
}

// canonicalForm returns what an entry matches. An entry that is invalid here, which
// another server may have, is only equal to itself.
func canonicalForm(entry string) string {
	canonical, err := origins.HostedPatterns.ParseEntry(entry)
	if err != nil {
		return entry
	}
	return canonical
}

// originSet has the origins, in canonical form, that changes have yet to add. Its zero
// value is empty; nil is too, and cannot be changed.
type originSet struct {
	origins  map[string]int // by how many changes
	patterns int            // how many additions are patterns, which may list any origin
}

func (s *originSet) add(canonical []string)    { s.count(canonical, 1) }
func (s *originSet) remove(canonical []string) { s.count(canonical, -1) }

func (s *originSet) count(canonical []string, n int) {
	if s.origins == nil {
		s.origins = map[string]int{}
	}
	for _, origin := range canonical {
		if s.origins[origin] += n; s.origins[origin] == 0 {
			delete(s.origins, origin)
		}
		if strings.Contains(origin, "*") {
			s.patterns += n
		}
	}
}

// mayNeed reports whether an entry may list one of the origins now.
func (s *originSet) mayNeed(canonical string) bool {
	switch {
	case s == nil || len(s.origins) == 0:
		return false
	case s.patterns > 0 || s.origins[canonical] > 0:
		return true
	}
	before, after, isPattern := strings.Cut(canonical, "*")
	if !isPattern {
		return false
	}
	if _, err := origins.HostedPatterns.ParseEntry(canonical); err != nil {
		return true // only the server knows what it lists
	}
	for origin := range s.origins {
		if strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after) {
			return true
		}
	}
	return false
}
