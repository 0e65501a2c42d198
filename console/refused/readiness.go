package refused

import (
	"time"
)

// Quiet is how long a tenant has to be observed, without a new origin, before it enforces
// its lists: a week has the pages that are used on one day of it.
const Quiet = 7 * 24 * time.Hour

// Advice is what the administrator of a tenant that does not enforce its lists should do.
type Advice string

// The advice, in the order in which it is given.
const (
	// SeeStore: the store does not answer, so that it is not known what was refused.
	SeeStore Advice = "see_store"
	// Decide: there are origins that nobody has decided about.
	Decide Advice = "decide"
	// Wait: a new origin came less than Quiet ago.
	Wait Advice = "wait"
	// SeeTraffic: there was no request in the last hour, so that nothing is known.
	SeeTraffic Advice = "see_traffic"
	// Observe: the tenant was observed for less than Quiet.
	Observe Advice = "observe"
	// Ready: everything that would be refused was decided about, and nothing new came.
	Ready Advice = "ready"
)

// Observation is what the gateway knows of a tenant's requests.
type Observation struct {
	// Partial says that the store does not answer: refusals before the last seconds are
	// not known.
	Partial bool
	// Recent says that there were requests in the last hour.
	Recent bool
	// Since is from when on the tenant was observed without a long gap; zero: it was not.
	Since time.Time
}

// Readiness says whether a tenant is ready to enforce its lists.
type Readiness struct {
	Advice Advice
	// Breaks are the open origins: their requests would be refused. Requests without an
	// origin, or with several, are not among them: nobody can list or dismiss them.
	Breaks []Origin
	// Requests is the sum of their counts.
	Requests uint64
	// Dismissed is the number of origins that were dismissed.
	Dismissed int
	// Newest is when an origin came last that was not known before, and was not
	// dismissed; or zero.
	Newest time.Time
	// Since is that of the Observation. A stored refusal says nothing of the time since.
	Since time.Time
	// NoOrigin are the requests without an origin, or with several; nil: none.
	NoOrigin *Origin
}

// Assess returns the readiness of a tenant with these origins.
func Assess(all []Origin, seen Observation, now time.Time) Readiness {
	r := Readiness{Since: seen.Since}
	for i, o := range all {
		if o.Origin == "" {
			r.NoOrigin = &all[i]
			continue
		}
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
	r.Advice = r.advise(seen, now)
	return r
}

func (r *Readiness) advise(seen Observation, now time.Time) Advice {
	switch {
	case seen.Partial:
		return SeeStore
	case len(r.Breaks) > 0:
		return Decide
	case !r.Newest.IsZero() && now.Sub(r.Newest) < Quiet:
		return Wait
	case !seen.Recent:
		return SeeTraffic
	case r.Since.IsZero() || now.Sub(r.Since) < Quiet:
		return Observe
	}
	return Ready
}
