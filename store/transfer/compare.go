package transfer

import (
	"fmt"
	"slices"

	"originwarden/store"
)

// Action is what has to happen to a web integration.
type Action uint8

// The actions.
const (
	Keep      Action = iota // it is as it is to be
	Create                  // it is missing
	Change                  // it differs
	Delete                  // it is not wanted
	Ambiguous               // it could be several: nothing happens to any of them
)

// Step is an Action for one web integration.
type Step struct {
	Action Action
	// Was is what there is: zero for Create and Ambiguous.
	Was store.WebIntegration
	// Is is what there is to be: zero for Delete. Its Revision means nothing.
	Is store.WebIntegration
	// Problem says why it is Ambiguous.
	Problem string
}

// Rules say how what there is becomes what is wanted.
type Rules struct {
	// ByName is for a target that gives ids, times and authors of its own, as a
	// server of the API does: what has another id is the same if it has the same
	// name, and only names and origins are compared. A name that several have
	// tells them apart only as far as their origins are equal.
	ByName bool
	// Prune deletes what is not wanted.
	Prune bool
}

// Compare returns the steps from what a tenant has to what is wanted of it,
// first those for what is wanted, in its order, and then deletions.
func (rules Rules) Compare(has, wanted []store.WebIntegration) []Step {
	p := pairing{had: map[int]int{}, taken: map[int]bool{}, unclear: map[string]bool{}}
	p.byID(has, wanted)
	if rules.ByName {
		p.byName(has, wanted)
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

// pairing says which of those that are there a wanted one is.
type pairing struct {
	had     map[int]int  // by the index of the wanted one
	taken   map[int]bool // indexes of had
	unclear map[string]bool
}

func (p *pairing) pair(wanted, had int) {
	p.had[wanted] = had
	p.taken[had] = true
}

func (p *pairing) byID(has, wanted []store.WebIntegration) {
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

// byName pairs what is left by name: equal ones first, and then those that are
// the only ones.
func (p *pairing) byName(has, wanted []store.WebIntegration) {
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
			p.unclear[name] = true
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
		if same(&was, &w) {
			return Step{Action: Keep, Was: was, Is: w}
		}
		return Step{Action: Change, Was: was, Is: w}
	case p.unclear[w.Name]:
		return Step{Action: Ambiguous, Is: w, Problem: fmt.Sprintf("several are called %q, and neither their ids nor their origins tell which one it is", w.Name)}
	case rules.ByName:
		w.ID = ""
	}
	return Step{Action: Create, Is: w}
}

// deletions are of what is there and nobody wants. What may be wanted stays.
func (p *pairing) deletions(has []store.WebIntegration) []Step {
	var steps []Step
	for i, h := range has {
		if !p.taken[i] && !p.unclear[h.Name] {
			steps = append(steps, Step{Action: Delete, Was: h})
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return inOrder(a.Was, b.Was) })
	return steps
}

// same reports whether two are equal but for their revisions.
func same(a, b *store.WebIntegration) bool {
	return a.ID == b.ID && a.Name == b.Name && a.CreatedBy == b.CreatedBy &&
		a.Created.Equal(b.Created) && a.LastUpdated.Equal(b.LastUpdated) && slices.Equal(a.ValidOrigins, b.ValidOrigins)
}
