// Package refusals remembers which origins were refused recently, so that
// administrators find out whose pages broke.
package refusals

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"originwarden/origins"
)

// Recent has the recent refusals of every tenant, in bounded memory. If a tenant
// has more than there is room for, the most frequent ones stay (the Space-Saving
// algorithm of Metwally, Agrawal and El Abbadi). The zero value is empty. It may
// be used concurrently.
type Recent struct {
	mu      sync.Mutex
	tenants map[string][]*counter // at most maxRefusals of each
}

// Request is a request that was refused.
type Request struct {
	Origin  string // the value of its Origin header, or empty
	Reason  origins.Reason
	Path    string // without the query
	OwnHost bool   // whether it was sent to the origin's own host
	Time    time.Time
}

// Refusal is an origin that was refused for one reason.
type Refusal struct {
	// Origin is the origin of the requests, in valid UTF-8 and truncated to
	// origins.MaxLength.
	Origin string
	Reason origins.Reason
	// Count is the number of requests since First. Earlier ones may have been
	// forgotten.
	Count       uint64
	First, Last time.Time
	// Path is the path of the last request, truncated and in valid UTF-8.
	Path string
	// OwnHost says whether the last request was sent to the origin's own host.
	OwnHost bool
}

const (
	maxRefusals   = 128 // of a tenant
	maxPathLength = 256 // bytes
)

// counter is a refusal with its weight: its count plus the weight of the one
// that it replaced.
type counter struct {
	Refusal
	weight uint64
}

// Record counts a refused request of a tenant that exists.
func (r *Recent) Record(tenant string, request Request) {
	origin, path := truncate(request.Origin, origins.MaxLength), truncate(request.Path, maxPathLength)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.find(tenant, origin, request.Reason)
	if c == nil {
		c = r.add(tenant)
		// The origin is copied, since it would keep the whole header in memory.
		c.Refusal = Refusal{Origin: strings.Clone(origin), Reason: request.Reason, First: request.Time}
	}
	c.Count++
	c.weight++
	c.Last, c.OwnHost = request.Time, request.OwnHost
	if c.Path != path {
		c.Path = strings.Clone(path)
	}
}

// List returns the refusals of a tenant, the latest first.
func (r *Recent) List(tenant string) []Refusal {
	var all []Refusal
	r.mu.Lock()
	for _, c := range r.tenants[tenant] {
		all = append(all, c.Refusal)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// find returns the counter of an origin and a reason, or nil.
func (r *Recent) find(tenant, origin string, reason origins.Reason) *counter {
	for _, c := range r.tenants[tenant] {
		if c.Reason == reason && c.Origin == origin {
			return c
		}
	}
	return nil
}

// add returns a counter for a new refusal. If the tenant has maxRefusals, it reuses the
// one of least weight, the oldest if there are several; the weight is kept.
func (r *Recent) add(tenant string) *counter {
	if r.tenants == nil {
		r.tenants = map[string][]*counter{}
	}
	all := r.tenants[tenant]
	if len(all) < maxRefusals {
		r.tenants[tenant] = append(all, new(counter))
		return r.tenants[tenant][len(all)]
	}
	lightest := all[0]
	for _, c := range all {
		if c.weight < lightest.weight || c.weight == lightest.weight && c.Last.Before(lightest.Last) {
			lightest = c
		}
	}
	return lightest
}

// truncate returns at most n bytes of s, in valid UTF-8.
func truncate(s string, n int) string { return strings.ToValidUTF8(s[:min(n, len(s))], "\uFFFD") }
