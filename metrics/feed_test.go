package metrics_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"originwarden/metrics"
)

func TestMetrics_ReportsFeedState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := newMetrics(t)
		var state metrics.Feed
		m.WatchFeed(func() metrics.Feed { return state })
		got := scrape(t, m)
		expectLines(t, got, "originwarden_revision_in_force 0", "originwarden_store_revision 0", "originwarden_store_up 0",
			"originwarden_store_reset 0", "originwarden_ready 0", "originwarden_feed_resumes_total 0")
		if strings.Contains(got, "\noriginwarden_list_age_seconds ") {
			t.Error("originwarden_list_age_seconds is present though the lists were never confirmed")
		}
		state = metrics.Feed{InForce: 7, Newest: 9, Confirmed: time.Now(), Up: true, Reset: true, Resumes: 3, Ready: true}
		time.Sleep(1500 * time.Millisecond)
		expectLines(t, scrape(t, m), "originwarden_revision_in_force 7", "originwarden_store_revision 9", "originwarden_store_up 1",
			"originwarden_store_reset 1", "originwarden_ready 1", "originwarden_feed_resumes_total 3", "originwarden_list_age_seconds 1.5")
	})
}
