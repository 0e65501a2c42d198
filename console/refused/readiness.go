package refused

import (
	"time"
)

// Quiet is how long no new origin should have come before a tenant enforces its lists:
// a week has the pages that are used on one day of it.
const Quiet = 7 * 24 * time.Hour

// Advice is what the administrator of a tenant that does not enforce its lists should do.
type Advice string

// The advice, in the order in which it is given.
const (
	// SeeTraffic: there was no request in the last hour, so that nothing is known.
	SeeTraffic Advice = "see_traffic"
	// Decide: there are origins that nobody has decided about.
	Decide Advice = "decide"
	// Wait: a new origin came less than Quiet ago.
	Wait Advice = "wait"
	// Ready: everything that would be refused was decided about, and nothing new came.
	Ready Advice = "ready"
)

// Readiness says whether a tenant is ready to enforce its lists.
type Readiness struct {
	Advice Advice
	// Breaks are the open origins: their requests would be refused.
	Breaks []Origin
	// Requests is the sum of their counts.
	Requests uint64
	// Dismissed is the number of origins that were dismissed.
	Dismissed int
	// Newest is when an origin came last that was not known before, and was not
	// dismissed; or zero.
	Newest time.Time
}

// Assess returns the readiness of a tenant with these origins. seen says that it had
// requests in the last hour.
func Assess(all []Origin, seen bool, now time.Time) Readiness {
	var r Readiness
	for _, o := range all {
		if !o.Dismissed.IsZero() { // whoever sends requests can invent origins
			r.Dismissed++
			continue
		}
		if o.First.After(r.Newest) {
			r.Newest = o.First
		}
		if o.IsOpen() {
			r.Breaks = append(r.Breaks, o)
			r.Requests += o.Count
		}
	}
	switch {
	case len(r.Breaks) > 0:
		r.Advice = Decide
	case !r.Newest.IsZero() && now.Sub(r.Newest) < Quiet:
		r.Advice = Wait
	case !seen:
		r.Advice = SeeTraffic
	default:
		r.Advice = Ready
	}
	return r
}
