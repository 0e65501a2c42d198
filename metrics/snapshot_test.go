package metrics_test

import (
	"errors"
	"testing"
)

func TestMetrics_ReportsFailureToSaveLists(t *testing.T) {
	m, _ := newMetrics(t)
	var err error
	m.WatchSnapshot(func() error { return err })
	expectLines(t, scrape(t, m), "originwarden_snapshot_up 1")
	err = errors.New("the disk is full")
	expectLines(t, scrape(t, m), "originwarden_snapshot_up 0")
}
