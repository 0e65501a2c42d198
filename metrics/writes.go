package metrics

import "github.com/prometheus/client_golang/prometheus"

// Writes is whether writes to the store succeed.
type Writes struct {
	// Failures counts the failed writes by cause.
	Failures map[string]uint64
	// Problem is the cause for which writes fail now, or "".
	Problem string
}

// WatchWrites shows whether writes to the store succeed, for each of the causes.
// It is called once, before the metrics are served.
func (m *Metrics) WatchWrites(causes []string, state func() Writes) {
	byCause := func(value func(w Writes, cause string) float64) func(Writes, emitFunc) {
		return func(w Writes, emit emitFunc) {
			for _, cause := range causes {
				emit(value(w, cause), cause)
			}
		}
	}
	watch(m, state,
		metric[Writes]{
			newDesc("store_write_failures_total", "Writes to the store that failed or may have failed.", "cause"), prometheus.CounterValue,
			byCause(func(w Writes, cause string) float64 { return float64(w.Failures[cause]) }),
		},
		metric[Writes]{
			newDesc("store_write_problem", "Whether writes fail now for this cause.", "cause"), prometheus.GaugeValue,
			byCause(func(w Writes, cause string) float64 { return oneIf(w.Problem == cause) }),
		})
}
