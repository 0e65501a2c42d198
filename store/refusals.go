package store

import (
	"cmp"
	"math"
	"slices"
	"time"

	"originwarden/origins"
)

// MergeRefusals adds refusals to others of the same tenant, and returns the result in
// a new slice, the latest first. The counts of one origin and reason are added; the
// method, path, agent and host are those of the later. Dismissed ones stay so. Of more
// than MaxRefusals, the frequent and recent ones are kept.
func MergeRefusals(all, more []Refusal) []Refusal {
	type key struct {
		origin string
		reason origins.Reason
	}
	merged := make([]Refusal, 0, len(all)+len(more))
	index := make(map[key]int, len(all)+len(more))
	for _, refusals := range [2][]Refusal{all, more} {
		for i := range refusals {
			r := &refusals[i]
			at, known := index[key{r.Origin, r.Reason}]
			if !known {
				index[key{r.Origin, r.Reason}] = len(merged)
				merged = append(merged, *r)
				continue
			}
			merged[at] = merged[at].add(r)
		}
	}
	kept, _ := KeepRefusals(merged)
	slices.SortFunc(kept, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
	return kept
}

// add returns the sum of two refusals of the same origin for the same reason.
func (r Refusal) add(more *Refusal) Refusal {
	sum := r
	if !more.Last.Before(r.Last) {
		sum = *more
	}
	sum.Count = r.Count + more.Count
	if sum.First = r.First; more.First.Before(r.First) {
		sum.First = more.First
	}
	sum.Dismissed = r.Dismissed
	if r.Dismissed.IsZero() {
		sum.Dismissed = more.Dismissed
	}
	return sum
}

// KeepRefusals divides refusals into MaxRefusals that are kept, and the rest. It
// changes the order.
func KeepRefusals(all []Refusal) (kept, rest []Refusal) {
	if len(all) <= MaxRefusals {
		return all, nil
	}
	SortByRank(all)
	return all[:MaxRefusals:MaxRefusals], all[MaxRefusals:]
}

// SortByRank sorts refusals in the order in which they are worth keeping: what is rare
// and old is at the end. A count is worth half as much a day later, so that the order
// of two refusals does not depend on when they are compared.
func SortByRank(all []Refusal) {
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
}

// dismissedRank is that of a count of 128, whatever the count is: a dismissed refusal
// survives a flood of origins, so that it stays dismissed, and is worth no more than
// one request after a week.
const dismissedRank = 7

// rank is the time of the last request in days, plus the logarithm of the count.
func (r *Refusal) rank() float64 {
	days := float64(r.Last.Unix()) / (24 * time.Hour).Seconds()
	if !r.Dismissed.IsZero() {
		return days + dismissedRank
	}
	return days + math.Log2(float64(max(r.Count, 1)))
}
