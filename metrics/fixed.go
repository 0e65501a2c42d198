package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"originwarden/origins"
)

// otherValue stands for a value that a label does not have. There is none,
// unless this program was changed in one place and not in the other.
const otherValue = "other"

// fixed are the counters of a label with few values, which are all there from
// the start: a rate is known from the first event on.
type fixed struct {
	by    map[string]prometheus.Counter
	other func() prometheus.Counter
}

// fixed registers vec, whose only label has the values.
func (m *Metrics) fixed(vec *prometheus.CounterVec, values []string) *fixed {
	m.registry.MustRegister(vec)
	f := &fixed{by: map[string]prometheus.Counter{}, other: func() prometheus.Counter { return vec.WithLabelValues(otherValue) }}
	for _, value := range values {
		f.by[value] = vec.WithLabelValues(value)
	}
	return f
}

func (f *fixed) of(value string) prometheus.Counter {
	if c, ok := f.by[value]; ok {
		return c
	}
	return f.other()
}

// byKind are the histograms of each kind of request.
type byKind [origins.WebSocket + 1]prometheus.Observer

func (m *Metrics) histogramsByKind(name, help string) (all byKind) {
	vec := histograms(name, help, "kind")
	m.registry.MustRegister(vec)
	for i := range all {
		all[i] = vec.WithLabelValues(origins.Kind(i).String())
	}
	return all
}

func (b *byKind) of(k origins.Kind) prometheus.Observer {
	return b[min(int(k), len(b)-1)]
}
