package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Figures are what one measurement yields, by their names: CPU and the other constants.
type Figures map[string]float64

// Names of figures.
const (
	CPU     = "cpu"     // processor time of the proxy for one request, in microseconds
	Rate    = "rate"    // requests a second
	P50     = "p50"     // latency in microseconds
	P99     = "p99"     // latency in microseconds
	Longest = "longest" // latency in microseconds
	Slow    = "slow"    // responses that took 20 ms or more
	Each    = "each"    // memory of the proxy for each connection, in bytes
	RSS     = "rss"     // resident memory of the proxy, in MB
)

// column is a figure in the table, and how it is written.
type column struct{ name, title, format string }

// ratio is the name of a column that is no figure.
const ratio = "ratio"

func columns() []column {
	return []column{
		{CPU, "CPU µs/request", "%.1f"},
		{ratio, "ratio", "%.2f"},
		{Rate, "requests/s", "%.0f"},
		{P50, "p50 µs", "%.0f"},
		{P99, "p99 µs", "%.0f"},
		{Longest, "longest µs", "%.0f"},
		{Slow, "over 20 ms", "%.0f"},
		{Each, "bytes each", "%.0f"},
		{RSS, "RSS MB", "%.1f"},
	}
}

// String returns the figures in the order of the columns.
func (f Figures) String() string {
	var parts []string
	for _, c := range columns() {
		if value, ok := f[c.name]; ok {
			parts = append(parts, fmt.Sprintf(c.title+" "+c.format, value))
		}
	}
	return strings.Join(parts, ", ")
}

// medians returns the median of each figure.
func medians(rounds []Figures) Figures {
	values := map[string][]float64{}
	for _, f := range rounds {
		for name, value := range f {
			values[name] = append(values[name], value)
		}
	}
	median := Figures{}
	for name, all := range values {
		slices.SortFunc(all, cmp.Compare)
		median[name] = (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return median
}

// ratiosTo returns the ratio of each figure to that of another proxy.
func (f Figures) ratiosTo(other Figures) Figures {
	ratios := Figures{}
	for name, value := range f {
		if other[name] > 0 {
			ratios[name] = value / other[name]
		}
	}
	return ratios
}
