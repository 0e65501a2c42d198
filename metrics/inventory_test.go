package metrics_test

import (
	"testing"

	"originwarden/metrics"
)

func TestMetrics_ReportsInventoryOfRefusals(t *testing.T) {
	m, _ := newMetrics(t)
	var inventory metrics.Inventory
	m.WatchInventory(func() metrics.Inventory { return inventory })
	expectLines(t, scrape(t, m), "originwarden_refusals_dropped_total 0", "originwarden_refusals_up 1")
	inventory = metrics.Inventory{Dropped: 7, Failing: true}
	expectLines(t, scrape(t, m), "originwarden_refusals_dropped_total 7", "originwarden_refusals_up 0")
}
