package refused

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"originwarden/origins"
)

// Refusal is an element of the API's document of refused origins.
type Refusal struct {
	Origin    string         `json:"origin"` // "" if the request had none, or several
	Reason    origins.Reason `json:"reason"`
	Count     uint64         `json:"count"`
	First     time.Time      `json:"first"`
	Last      time.Time      `json:"last"`
	Method    string         `json:"method"`
	Path      string         `json:"path"`
	Agent     string         `json:"agent"`
	OwnHost   bool           `json:"ownHost"`
	Nearest   *Nearest       `json:"nearest"`
	Dismissed time.Time      `json:"dismissed"` // zero: it was not dismissed
}

// Nearest is the entry that is nearest to an origin, and how that differs from it.
type Nearest struct {
	Origin   string           `json:"origin"`
	Relation origins.Relation `json:"relation"`
}

// Origin is an origin of which requests were refused, or would have been in the mode
// enforce.
type Origin struct {
	// Origin is "" for requests that had none, or several.
	Origin string
	// Reasons are the latest first, and not empty.
	Reasons []Reason
	// Count is the sum over the reasons.
	Count       uint64
	First, Last time.Time
	// Method, Path, Agent and OwnHost are those of the latest refusal.
	Method, Path, Agent string
	OwnHost             bool
	Nearest             *Nearest  // nil: none
	Dismissed           time.Time // zero: it was not dismissed
	// Listed is the entry in force that lists it today, or "".
	Listed string
}

// Reason is why requests of one origin were refused, and how often.
type Reason struct {
	Reason origins.Reason
	Count  uint64
}

// Of returns the origins of a tenant's refusals, the latest first. The list in force is
// nil if it is unavailable.
func Of(refusals []Refusal, list *origins.List, allowed origins.Patterns) []Origin {
	latestFirst := slices.Clone(refusals)
	slices.SortStableFunc(latestFirst, func(a, b Refusal) int { return b.Last.Compare(a.Last) })
	var all []Origin
	index := map[string]int{}
	for _, r := range latestFirst {
		i, ok := index[r.Origin]
		if !ok {
			i = len(all)
			index[r.Origin] = i
			all = append(all, Origin{Origin: r.Origin, First: r.First, Last: r.Last, Method: r.Method, Path: r.Path, Agent: r.Agent,
				OwnHost: r.OwnHost, Nearest: r.Nearest, Dismissed: r.Dismissed, Listed: entryOf(r.Origin, list, allowed)})
		}
		all[i].add(r)
	}
	return all
}

func (o *Origin) add(r Refusal) {
	o.Reasons = append(o.Reasons, Reason{r.Reason, r.Count})
	o.Count += r.Count
	if r.First.Before(o.First) {
		o.First = r.First
	}
	if r.Dismissed.After(o.Dismissed) {
		o.Dismissed = r.Dismissed
	}
}

// entryOf returns the entry that lists an origin, or "".
func entryOf(origin string, list *origins.List, allowed origins.Patterns) string {
	if list == nil || !origins.WellFormed(origin) {
		return ""
	}
	if listed, pattern := list.Match(origin, allowed); listed {
		return cmp.Or(pattern, origin)
	}
	return ""
}

// MayList reports whether an entry of a list would let the latest request pass.
func (o *Origin) MayList() bool {
	if o.Listed != "" {
		return false
	}
	switch o.Reasons[0].Reason {
	case origins.OriginNotListed, origins.OriginNotInWebIntegration:
		_, err := origins.ParseEntry(o.Origin)
		return err == nil
	}
	return false
}

// EntryProblem says why no list can hold an origin that is well formed and not listed;
// otherwise it is "".
func (o *Origin) EntryProblem() string {
	if o.Reasons[0].Reason != origins.OriginNotListed {
		return ""
	}
	if _, err := origins.ParseEntry(o.Origin); err != nil {
		return err.Error()
	}
	return ""
}

// IsOpen reports whether somebody still has to decide about the origin: it was not
// dismissed, and its latest refusals would be refused again as far as the list in force
// says.
func (o *Origin) IsOpen() bool {
	if !o.Dismissed.IsZero() {
		return false
	}
	return o.Listed == "" || o.Reasons[0].Reason != origins.OriginNotListed
}

// View selects origins.
type View struct {
	// Show is one of the constants below; another value is Open.
	Show string
	// Query is a part of the origin, in any case, and Reason one of its reasons; "" is
	// any.
	Query, Reason string
	// ByCount puts the most frequent first, instead of the latest.
	ByCount bool
}

// The values of View.Show.
const (
	Open      = "open"
	Dismissed = "dismissed"
	All       = "all"
)

// Select returns the origins that the view shows, in its order.
func (v View) Select(all []Origin) []Origin {
	query := strings.ToLower(strings.TrimSpace(v.Query))
	var selected []Origin
	for _, o := range all {
		if v.shows(&o) && strings.Contains(strings.ToLower(o.Origin), query) && o.hasReason(v.Reason) {
			selected = append(selected, o)
		}
	}
	if v.ByCount {
		slices.SortStableFunc(selected, func(a, b Origin) int { return cmp.Compare(b.Count, a.Count) })
	}
	return selected
}

func (v View) shows(o *Origin) bool {
	switch v.Show {
	case All:
		return true
	case Dismissed:
		return !o.Dismissed.IsZero()
	}
	return o.IsOpen()
}

func (o *Origin) hasReason(reason string) bool {
	return reason == "" || slices.ContainsFunc(o.Reasons, func(r Reason) bool { return string(r.Reason) == reason })
}
