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
	tenants map[string]*counters
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
	// Origin is that of the requests, in valid UTF-8 and cut to the length of the
	// longest origin there is.
	Origin string
	Reason origins.Reason
	// Count is the number of requests since First. Earlier ones may have been
	// forgotten.
	Count       uint64
	First, Last time.Time
	// Path is that of the last request, cut and in valid UTF-8.
	Path string
	// OwnHost is that of the last request.
	OwnHost bool
}

const (
	maxRefusals   = 128 // of a tenant
	maxPathLength = 256 // bytes
)

// counters are the refusals of one tenant.
type counters struct {
	all   []counter   // at most maxRefusals
	index map[key]int // into all
}

type key struct {
	origin string
	reason origins.Reason
}

// counter is a refusal with its weight: its count plus the weight of the one
// that it replaced.
type counter struct {
	Refusal
	weight uint64
}

// Record counts a refused request of a tenant that exists.
func (r *Recent) Record(tenant string, request Request) {
	path := truncate(request.Path, maxPathLength)
	k := key{truncate(request.Origin, origins.MaxLength), request.Reason}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of(tenant).counter(k, request.Time)
	c.Count++
	c.weight++
	c.Last, c.OwnHost = request.Time, request.OwnHost
	if c.Path != path {
		c.Path = strings.Clone(path)
	}
}

// Of returns the refusals of a tenant, the latest first.
func (r *Recent) Of(tenant string) []Refusal {
	var all []Refusal
	r.mu.Lock()
	if cs := r.tenants[tenant]; cs != nil {
		for i := range cs.all {
			all = append(all, cs.all[i].Refusal)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

func (r *Recent) of(tenant string) *counters {
	if r.tenants == nil {
		r.tenants = map[string]*counters{}
	}
	if r.tenants[tenant] == nil {
		r.tenants[tenant] = &counters{index: map[key]int{}}
	}
	return r.tenants[tenant]
}

// counter returns the counter for k, which is new if there is none.
func (cs *counters) counter(k key, now time.Time) *counter {
	i, found := cs.index[k]
	if !found {
		k.origin = strings.Clone(k.origin) // the header goes with its request
		i = cs.add(counter{Refusal: Refusal{Origin: k.origin, Reason: k.reason, First: now}})
		cs.index[k] = i
	}
	return &cs.all[i]
}

// add adds a counter, which may replace another, and returns its index.
func (cs *counters) add(c counter) (i int) {
	if len(cs.all) < maxRefusals {
		cs.all = append(cs.all, c)
		return len(cs.all) - 1
	}
	i = cs.lightest()
	old := &cs.all[i]
	delete(cs.index, key{old.Origin, old.Reason})
	c.weight = old.weight
	*old = c
	return i
}

// lightest returns the index of the counter of the least weight, and of several
// that of the oldest.
func (cs *counters) lightest() (lightest int) {
	for i := range cs.all {
		c, l := &cs.all[i], &cs.all[lightest]
		if c.weight < l.weight || c.weight == l.weight && c.Last.Before(l.Last) {
			lightest = i
		}
	}
	return lightest
}

// truncate returns at most n bytes of s, in valid UTF-8.
func truncate(s string, n int) string {
	return strings.ToValidUTF8(s[:min(n, len(s))], "\uFFFD")
}
