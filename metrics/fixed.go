package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"originwarden/origins"
)

// otherValue replaces an unknown value of a label, which is a mistake in this
// program.
const otherValue = "other"

// fixed is a counter with one label, whose values are all known. All its series exist
// from the start, so that Prometheus sees the first event as an increase.
type fixed struct {
	vec    *prometheus.CounterVec
	values []string
}

// newFixed registers vec, whose only label has the values.
func (m *Metrics) newFixed(vec *prometheus.CounterVec, values []string) *fixed {
	m.registry.MustRegister(vec)
	for _, value := range values {
		vec.WithLabelValues(value)
	}
	return &fixed{vec, values}
}

func (f *fixed) counter(value string) prometheus.Counter {
	if !slices.Contains(f.values, value) {
		value = otherValue
	}
	return f.vec.WithLabelValues(value)
}

// byKind is a histogram for each kind of request.
type byKind [origins.WebSocket + 1]prometheus.Observer

func (m *Metrics) histogramsByKind(name, help string) (all byKind) {
	vec := histograms(name, help, "kind")
	m.registry.MustRegister(vec)
	for i := range all {
		all[i] = vec.WithLabelValues(origins.Kind(i).String())
	}
	return all
}

func (b *byKind) histogram(k origins.Kind) prometheus.Observer { return b[min(int(k), len(b)-1)] }
