package metrics_test

import (
	"testing"

	"originwarden/metrics"
)

func TestMetrics_ReportsCauseOfFailedWrites(t *testing.T) {
	m, _ := newMetrics(t)
	var state metrics.Writes
	m.WatchWrites([]string{"no_space", "other"}, func() metrics.Writes { return state })
	expectLines(t, scrape(t, m), `originwarden_store_write_failures_total{cause="no_space"} 0`, `originwarden_store_write_problem{cause="no_space"} 0`)
	state = metrics.Writes{Failures: map[string]uint64{"no_space": 3}, Problem: "no_space", RecordsWaiting: 2, RecordsLost: 5}
	expectLines(t, scrape(t, m),
		`originwarden_store_write_failures_total{cause="no_space"} 3`, `originwarden_store_write_failures_total{cause="other"} 0`,
		`originwarden_history_records_waiting 2`, `originwarden_history_records_lost_total 5`,
		`originwarden_store_write_problem{cause="no_space"} 1`, `originwarden_store_write_problem{cause="other"} 0`)
}
