package origins

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Refusals remembers, for each tenant, which origins were refused of late, for
// people who wonder whose pages broke. What it remembers is bounded, whatever
// strangers send: of more origins than it has room for, those stay that came
// most often (the Space-Saving algorithm of Metwally, Agrawal and El Abbadi).
// It may be used concurrently. Its zero value has room.
type Refusals struct {
	mu      sync.RWMutex
	tenants map[string]*refusalsOf
}

// Refusal is an origin that was refused for one reason.
type Refusal struct {
	// Origin is what came as Origin, in valid UTF-8 and cut to the length of the
	// longest origin there is. It is empty when none came.
	Origin string
	Reason Reason
	// Count is how often that was since First. What came before may have made
	// room for others in between.
	Count       uint64
	First, Last time.Time
	// Path is that of the last request, without its query, in valid UTF-8.
	Path string
	// OwnHost says that the last request was sent to the origin's own host.
	OwnHost bool
}

const (
	maxRefusals    = 128 // of a tenant
	maxRefusedPath = 256 // bytes
)

// refusalsOf are those of one tenant.
type refusalsOf struct {
	mu   sync.Mutex
	all  []counted         // at most maxRefusals
	byID map[refusalID]int // where in all
}

type refusalID struct {
	origin string
	reason Reason
}

// counted is a refusal with its weight against others: its count, and that of
// the one whose place it took.
type counted struct {
	Refusal
	weight uint64
}

// Record takes in that a request of a tenant that exists was refused.
func (r *Refusals) Record(tenant, origin string, reason Reason, path string, at time.Time) {
	r.of(tenant).record(bounded(origin, MaxLength), reason, bounded(path, maxRefusedPath), false, at)
}

// RecordOwnHost is Record for a request that was sent to the origin's own host.
func (r *Refusals) RecordOwnHost(tenant, origin string, reason Reason, path string, at time.Time) {
	r.of(tenant).record(bounded(origin, MaxLength), reason, bounded(path, maxRefusedPath), true, at)
}

// Of returns the tenant's refusals, the latest first.
func (r *Refusals) Of(tenant string) []Refusal {
	r.mu.RLock()
	of := r.tenants[tenant]
	r.mu.RUnlock()
	if of == nil {
		return nil
	}
	return of.sorted()
}

func (r *Refusals) of(tenant string) *refusalsOf {
	r.mu.RLock()
	of := r.tenants[tenant]
	r.mu.RUnlock()
	if of != nil {
		return of
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tenants == nil {
		r.tenants = map[string]*refusalsOf{}
	}
	if r.tenants[tenant] == nil {
		r.tenants[tenant] = &refusalsOf{byID: map[refusalID]int{}}
	}
	return r.tenants[tenant]
}

func (of *refusalsOf) record(origin string, reason Reason, path string, ownHost bool, at time.Time) {
	id := refusalID{origin, reason}
	of.mu.Lock()
	defer of.mu.Unlock()
	i, known := of.byID[id]
	if !known {
		id.origin = strings.Clone(origin) // of a header that is gone with its request
		i = of.enter(id, at)
	}
	c := &of.all[i]
	c.Count++
	c.weight++
	c.Last, c.OwnHost = at, ownHost
	if c.Path != path {
		c.Path = strings.Clone(path)
	}
}

// enter makes room for a refusal that is not remembered, and returns where.
func (of *refusalsOf) enter(id refusalID, at time.Time) (i int) {
	c := counted{Refusal: Refusal{Origin: id.origin, Reason: id.reason, First: at}}
	if len(of.all) < maxRefusals {
		i = len(of.all)
		of.all = append(of.all, c)
	} else {
		i = of.least()
		least := &of.all[i]
		c.weight = least.weight
		delete(of.byID, refusalID{least.Origin, least.Reason})
		of.all[i] = c
	}
	of.byID[id] = i
	return i
}

// least is where the one is that weighs least, and of several the one that came
// longest ago.
func (of *refusalsOf) least() (least int) {
	for i := range of.all {
		c, l := &of.all[i], &of.all[least]
		if c.weight < l.weight || c.weight == l.weight && c.Last.Before(l.Last) {
			least = i
		}
	}
	return least
}

func (of *refusalsOf) sorted() []Refusal {
	of.mu.Lock()
	defer of.mu.Unlock()
	all := make([]Refusal, len(of.all))
	for i := range all {
		all[i] = of.all[i].Refusal
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// bounded is the beginning of s in valid UTF-8. It makes nothing new of what is
// as it has to be.
func bounded(s string, most int) string {
	return strings.ToValidUTF8(s[:min(most, len(s))], "\uFFFD")
}
