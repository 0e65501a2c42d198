package transfer

import (
	"fmt"
	"slices"

	"originwarden/store"
)

// Action is what a Step does to a web integration.
type Action uint8

// The actions.
const (
	Keep      Action = iota // nothing: it is as wanted
	Create                  // it is missing
	Change                  // it differs
	Delete                  // it is not wanted
	Ambiguous               // nothing: it could be one of several
)

// Step is an Action for one web integration.
type Step struct {
	Action Action
	// Was is the existing one: zero for Create and Ambiguous.
	Was store.WebIntegration
	// Is is the wanted one: zero for Delete. Its Revision is ignored.
	Is store.WebIntegration
	// Problem says why the step is Ambiguous.
	Problem string
}

// Rules are the options of Compare.
type Rules struct {
	// ByName is for a target that sets ids, times and authors itself, as a server
	// of the API does. Web integrations with different ids match if they have the
	// same name, and only names and origins are compared. Where several have one
	// name, only those with equal origins match.
	ByName bool
	// Prune deletes web integrations that are not wanted.
	Prune bool
}

// Compare returns the steps from what a tenant has to what is wanted: first those
// for the wanted web integrations, in their order, and then deletions.
func (rules Rules) Compare(has, wanted []store.WebIntegration) []Step {
	p := pairing{had: map[int]int{}, taken: map[int]bool{}, ambiguous: map[string]bool{}}
	p.matchIDs(has, wanted)
	if rules.ByName {
		p.matchNames(has, wanted)
	}
	steps := make([]Step, 0, len(wanted))
	for i, w := range wanted {
		steps = append(steps, p.step(rules, has, i, w))
	}
	if rules.Prune {
		steps = append(steps, p.deletions(has)...)
	}
	return steps
}

// pairing maps wanted web integrations to existing ones.
type pairing struct {
	had       map[int]int     // indexes of existing ones by those of wanted ones
	taken     map[int]bool    // the values of had
	ambiguous map[string]bool // by name
}

func (p *pairing) pair(wanted, had int) {
	p.had[wanted] = had
	p.taken[had] = true
}

func (p *pairing) matchIDs(has, wanted []store.WebIntegration) {
	ids := make(map[string]int, len(has))
	for i, h := range has {
		ids[h.ID] = i
	}
	for i, w := range wanted {
		if had, ok := ids[w.ID]; ok {
			p.pair(i, had)
		}
	}
}

// matchNames pairs the rest by name: first those with equal origins, and then the
// only two with one name.
func (p *pairing) matchNames(has, wanted []store.WebIntegration) {
	left := map[string][]int{} // of has
	for i, h := range has {
		if !p.taken[i] {
			left[h.Name] = append(left[h.Name], i)
		}
	}
	open := map[string][]int{} // of wanted
	for i, w := range wanted {
		if _, paired := p.had[i]; paired {
			continue
		}
		at := slices.IndexFunc(left[w.Name], func(had int) bool { return slices.Equal(has[had].ValidOrigins, w.ValidOrigins) })
		if at < 0 {
			open[w.Name] = append(open[w.Name], i)
			continue
		}
		p.pair(i, left[w.Name][at])
		left[w.Name] = slices.Delete(left[w.Name], at, at+1)
	}
	for name, indexes := range open {
		switch there := left[name]; {
		case len(there) == 0:
		case len(there) == 1 && len(indexes) == 1:
			p.pair(indexes[0], there[0])
		default:
			p.ambiguous[name] = true
		}
	}
}

func (p *pairing) step(rules Rules, has []store.WebIntegration, i int, w store.WebIntegration) Step {
	at, paired := p.had[i]
	switch {
	case paired:
		was := has[at]
		if rules.ByName {
			w.ID, w.CreatedBy, w.Created, w.LastUpdated = was.ID, was.CreatedBy, was.Created, was.LastUpdated
		}
		if isSame(&was, &w) {
			return Step{Action: Keep, Was: was, Is: w}
		}
		return Step{Action: Change, Was: was, Is: w}
	case p.ambiguous[w.Name]:
		return Step{Action: Ambiguous, Is: w, Problem: fmt.Sprintf("several are called %q, and neither their ids nor their origins tell which one it is", w.Name)}
	case rules.ByName:
		w.ID = ""
	}
	return Step{Action: Create, Is: w}
}

// deletions returns the steps that delete what is not wanted. Ambiguous ones stay.
func (p *pairing) deletions(has []store.WebIntegration) []Step {
	var steps []Step
	for i, h := range has {
		if !p.taken[i] && !p.ambiguous[h.Name] {
			steps = append(steps, Step{Action: Delete, Was: h})
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return compareIntegrations(a.Was, b.Was) })
	return steps
}

// isSame reports whether a and b are equal except for their revisions.
func isSame(a, b *store.WebIntegration) bool {
	return a.ID == b.ID && a.Name == b.Name && a.CreatedBy == b.CreatedBy &&
		a.Created.Equal(b.Created) && a.LastUpdated.Equal(b.LastUpdated) && slices.Equal(a.ValidOrigins, b.ValidOrigins)
}
