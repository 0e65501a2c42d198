package explain

import (
	"slices"

	"originwarden/origins"
)

// MaxListings is the maximum number of Explanation.Listings.
const MaxListings = 20

// Explanation is a decision with the way to it.
type Explanation struct {
	// Reason is that of Policy.Decide.
	Reason origins.Reason
	// Pattern is that of Policy.DecideByList.
	Pattern string
	// Steps are those that the decision took, in their order. At least one of them
	// decides: the last of these gives the Reason.
	Steps []Step
	// Listings are web integrations that list the origin, whichever of them the request
	// names: at most MaxListings, in no order. It is nil if no list was needed.
	Listings []Listing
	// Nearest is the entry nearest to an origin that is not listed.
	Nearest origins.NearMiss
}

// Step is a question that the decision depends on.
type Step struct {
	Question string
	// Answer contains text of the request.
	Answer string
	// Reason is what the step decides, or "" if the next one has to be asked.
	Reason origins.Reason
}

// Listing is a web integration that lists an origin.
type Listing struct {
	Integration string // its id
	Entry       string // in canonical form; it may be a pattern
}

// Decision explains the decision of p about r by a list. A nil list is an unavailable
// one. Like the list, p and r are not changed.
func Decision(p *origins.Policy, r *origins.Request, list *origins.List) Explanation {
	d := decision{policy: p, request: r, list: list}
	d.Reason, d.Pattern = decide(p, r, list)
	d.byOrigin = d.withoutExemptions()
	d.beforePreflight = d.withoutPreflight(p)
	d.explain()
	if _, decided := p.Screen(r); !decided && list != nil {
		d.findListings()
	}
	return d.Explanation
}

// decide is Policy.Decide with the pattern.
func decide(p *origins.Policy, r *origins.Request, list *origins.List) (origins.Reason, string) {
	if reason, decided := p.Screen(r); decided {
		return reason, ""
	}
	return p.DecideByList(r, list)
}

// decision is a decision that is being explained.
type decision struct {
	Explanation
	policy  *origins.Policy
	request *origins.Request
	list    *origins.List
	// byOrigin is the reason if there were no exempt paths, and if preflights could ask
	// for anything. beforePreflight is the reason with exempt paths.
	byOrigin, beforePreflight origins.Reason
}

func (d *decision) withoutExemptions() origins.Reason {
	p := *d.policy
	p.PostFromAnywhere = nil
	return d.withoutPreflight(&p)
}

// withoutPreflight returns the decision of p if it allowed every method and header in a
// preflight.
func (d *decision) withoutPreflight(p *origins.Policy) origins.Reason {
	lenient, r := *p, *d.request
	switch {
	case r.Kind != origins.Preflight:
	case len(r.Methods) == 1:
		lenient.Methods, r.Headers = r.Methods, nil
	default: // then no path is public
		r.Methods, r.Headers, lenient.PublicPaths = []string{"GET"}, nil, nil
	}
	reason, _ := decide(&lenient, &r, d.list)
	return reason
}

// findListings finds the web integrations that list the origin, and the nearest entry if
// the origin is refused.
func (d *decision) findListings() {
	origin := d.request.Origin[0]
	d.Listings = []Listing{}
	for id := range d.list.Versions() {
		_, listed, pattern := d.list.PartMatch(id, origin, d.policy.Patterns)
		if !listed {
			continue
		}
		if pattern == "" {
			pattern = origin
		}
		if d.Listings = append(d.Listings, Listing{id, pattern}); len(d.Listings) == MaxListings {
			break
		}
	}
	if slices.Contains([]origins.Reason{origins.OriginNotListed, origins.OriginNotInWebIntegration}, d.byOrigin) {
		d.Nearest = d.list.Nearest(origin, d.policy.Patterns)
	}
}
