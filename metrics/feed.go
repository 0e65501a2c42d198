package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Feed is how current the lists are.
type Feed struct {
	// InForce is the revision in force, and Newest the newest that the store told.
	InForce, Newest uint64
	// Confirmed is when the revision in force was last known to be the store's
	// newest. The zero value is never.
	Confirmed time.Time
	// Up says that the store answered last, and Reset that it waits to be
	// accepted.
	Up, Reset bool
	// Resumes counts how often the feed was taken up again.
	Resumes uint64
	// Ready is what /readyz tells.
	Ready bool
}

// WatchFeed shows how current the lists are. It is called once, before the
// metrics are served.
func (m *Metrics) WatchFeed(state func() Feed) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil)
	}
	m.registry.MustRegister(&feedCollector{
		state:   state,
		age:     desc("list_age_seconds", "Time since the revision in force was known to be the store's newest; none while it never was."),
		newest:  desc("store_revision", "Newest revision that the store told."),
		inForce: desc("revision_in_force", "Revision of which every change is in force here."),
		up:      desc("store_up", "Whether the store answered last."),
		reset:   desc("store_reset", "Whether the store came back empty, older or as another one, and waits to be accepted."),
		resumes: desc("feed_resumes_total", "How often the feed of changes was taken up again."),
		ready:   desc("ready", "Whether the gateway is ready, as /readyz tells."),
	})
}

// feedCollector reads the state when Prometheus asks.
type feedCollector struct {
	state func() Feed

	age, newest, inForce, up, reset, resumes, ready *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *feedCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.age, c.newest, c.inForce, c.up, c.reset, c.resumes, c.ready} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *feedCollector) Collect(out chan<- prometheus.Metric) {
	s := c.state()
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	if !s.Confirmed.IsZero() {
		gauge(c.age, time.Since(s.Confirmed).Seconds())
	}
	gauge(c.newest, float64(s.Newest))
	gauge(c.inForce, float64(s.InForce))
	gauge(c.up, oneIf(s.Up))
	gauge(c.reset, oneIf(s.Reset))
	gauge(c.ready, oneIf(s.Ready))
	out <- prometheus.MustNewConstMetric(c.resumes, prometheus.CounterValue, float64(s.Resumes))
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
