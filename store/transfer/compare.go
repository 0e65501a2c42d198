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
	// Before is the existing one: zero for Create and Ambiguous.
	Before store.WebIntegration
	// After is the wanted one: zero for Delete. Its Revision is ignored.
	After store.WebIntegration
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
func (rules Rules) Compare(existing, wanted []store.WebIntegration) []Step {
	p := pairing{pairOf: map[int]int{}, taken: map[int]bool{}, ambiguous: map[string]bool{}}
	p.matchIDs(existing, wanted)
	if rules.ByName {
		p.matchNames(existing, wanted)
	}
	steps := make([]Step, 0, len(wanted))
	for i, w := range wanted {
		steps = append(steps, p.step(rules, existing, i, w))
	}
	if rules.Prune {
		steps = append(steps, p.deletions(existing)...)
	}
	return steps
}

// pairing maps wanted web integrations to existing ones.
type pairing struct {
	pairOf    map[int]int     // indexes of existing ones by those of wanted ones
	taken     map[int]bool    // the values of pairOf
	ambiguous map[string]bool // by name
}

func (p *pairing) pair(wanted, existing int) {
	p.pairOf[wanted] = existing
	p.taken[existing] = true
}

func (p *pairing) matchIDs(existing, wanted []store.WebIntegration) {
	ids := make(map[string]int, len(existing))
	for i, e := range existing {
		ids[e.ID] = i
	}
	for i, w := range wanted {
		if at, ok := ids[w.ID]; ok {
			p.pair(i, at)
		}
	}
}

// matchNames pairs the rest by name: first those with equal origins, and then the
// only two with one name.
func (p *pairing) matchNames(existing, wanted []store.WebIntegration) {
	restExisting := map[string][]int{} // indexes by name
	for i, e := range existing {
		if !p.taken[i] {
			restExisting[e.Name] = append(restExisting[e.Name], i)
		}
	}
	restWanted := map[string][]int{}
	for i, w := range wanted {
		if _, paired := p.pairOf[i]; paired {
			continue
		}
		at := slices.IndexFunc(restExisting[w.Name], func(candidate int) bool { return slices.Equal(existing[candidate].ValidOrigins, w.ValidOrigins) })
		if at < 0 {
			restWanted[w.Name] = append(restWanted[w.Name], i)
			continue
		}
		p.pair(i, restExisting[w.Name][at])
		restExisting[w.Name] = slices.Delete(restExisting[w.Name], at, at+1)
	}
	for name, indexes := range restWanted {
		switch candidates := restExisting[name]; {
		case len(candidates) == 0:
		case len(candidates) == 1 && len(indexes) == 1:
			p.pair(indexes[0], candidates[0])
		default:
			p.ambiguous[name] = true
		}
	}
}

func (p *pairing) step(rules Rules, existing []store.WebIntegration, i int, w store.WebIntegration) Step {
	at, paired := p.pairOf[i]
	switch {
	case paired:
		before := existing[at]
		if rules.ByName {
			w.ID, w.CreatedBy, w.Created, w.LastUpdated = before.ID, before.CreatedBy, before.Created, before.LastUpdated
		}
		if isSame(&before, &w) {
			return Step{Action: Keep, Before: before, After: w}
		}
		return Step{Action: Change, Before: before, After: w}
	case p.ambiguous[w.Name]:
		return Step{Action: Ambiguous, After: w, Problem: fmt.Sprintf("several are called %q, and neither their ids nor their origins tell which one it is", w.Name)}
	case rules.ByName:
		w.ID = ""
	}
	return Step{Action: Create, After: w}
}

// deletions returns the steps that delete what is not wanted. Ambiguous ones stay.
func (p *pairing) deletions(existing []store.WebIntegration) []Step {
	var steps []Step
	for i, e := range existing {
		if !p.taken[i] && !p.ambiguous[e.Name] {
			steps = append(steps, Step{Action: Delete, Before: e})
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return compareIntegrations(a.Before, b.Before) })
	return steps
}

// isSame reports whether a and b are equal except for their revisions.
func isSame(a, b *store.WebIntegration) bool {
	return a.ID == b.ID && a.Name == b.Name && a.CreatedBy == b.CreatedBy &&
		a.Created.Equal(b.Created) && a.LastUpdated.Equal(b.LastUpdated) && slices.Equal(a.ValidOrigins, b.ValidOrigins)
}
