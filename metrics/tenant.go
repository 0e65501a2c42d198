package metrics

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"originwarden/origins"
)

// tenants are those with a label, and the tenants that stand for all others. It is
// immutable.
type tenants struct {
	labelled    map[string]*tenant
	other, none *tenant
}

// SetTenants gives each of the tenants a label, and deletes the series of tenants
// that no longer have one.
func (m *Metrics) SetTenants(ids []string) {
	previous := m.tenants.Load()
	if previous == nil {
		previous = &tenants{other: m.newTenant(otherTenants), none: m.newTenant(noTenant)}
	}
	next := &tenants{labelled: make(map[string]*tenant, len(ids)), other: previous.other, none: previous.none}
	for _, id := range ids {
		if next.labelled[id] = previous.labelled[id]; next.labelled[id] == nil {
			next.labelled[id] = m.newTenant(id)
		}
	}
	m.tenants.Store(next)
	for id := range previous.labelled {
		if next.labelled[id] == nil {
			m.deleteSeries(id)
		}
	}
}

func (m *Metrics) deleteSeries(id string) {
	label := prometheus.Labels{"tenant": id}
	for _, vec := range []*prometheus.CounterVec{m.requests, m.upstreamErrors, m.ownHost, m.received, m.sent} {
		vec.DeletePartialMatch(label)
	}
	m.upstream.DeletePartialMatch(label)
}

// tenant returns the tenant with the id, which is "" if the host is no tenant's.
func (m *Metrics) tenant(id string) *tenant {
	all := m.tenants.Load()
	if t, ok := all.labelled[id]; ok {
		return t
	}
	if id == "" {
		return all.none
	}
	return all.other
}

// tenant holds a tenant's series, so that no exchange looks them up by their
// labels. A series is created when it is used: most tenants need few.
type tenant struct {
	label          string
	requests       combinations
	upstream       func() prometheus.Observer
	received, sent func() prometheus.Counter
}

func (m *Metrics) newTenant(label string) *tenant {
	return &tenant{
		label: label,
		requests: combinations{create: func(c combination) prometheus.Counter {
			return m.requests.WithLabelValues(label, c.kind.String(), string(c.verdict), c.reason)
		}},
		upstream: sync.OnceValue(func() prometheus.Observer { return m.upstream.WithLabelValues(label) }),
		received: sync.OnceValue(func() prometheus.Counter { return m.received.WithLabelValues(label) }),
		sent:     sync.OnceValue(func() prometheus.Counter { return m.sent.WithLabelValues(label) }),
	}
}

func (t *tenant) countBytes(received, sent int64) {
	if received > 0 {
		t.received().Add(float64(received))
	}
	if sent > 0 {
		t.sent().Add(float64(sent))
	}
}

// combination is the labels of a tenant's requests.
type combination struct {
	kind    origins.Kind
	verdict origins.Verdict
	reason  string
}

// combinations are the counters of those that have occurred.
type combinations struct {
	create func(combination) prometheus.Counter
	known  atomic.Pointer[map[combination]prometheus.Counter] // replaced, never changed
	adding sync.Mutex
}

// maxCombinations is far more than occur.
const maxCombinations = 256

func (c *combinations) counter(which combination) prometheus.Counter {
	if known := c.known.Load(); known != nil {
		if counter, ok := (*known)[which]; ok {
			return counter
		}
	}
	return c.add(which)
}

func (c *combinations) add(which combination) prometheus.Counter {
	c.adding.Lock()
	defer c.adding.Unlock()
	known := map[combination]prometheus.Counter{}
	if before := c.known.Load(); before != nil {
		known = maps.Clone(*before)
	}
	if len(known) >= maxCombinations {
		which.reason = otherValue
	}
	if counter, ok := known[which]; ok {
		return counter
	}
	known[which] = c.create(which)
	c.known.Store(&known)
	return known[which]
}
