package metrics_test

import (
	"testing"
	"time"
)

func TestMetrics_ReportsCertificateExpiry(t *testing.T) {
	m, _ := newMetrics(t)
	var notAfter time.Time
	m.WatchCertificate("etcd", func() time.Time { return notAfter })
	expectLines(t, scrape(t, m), "originwarden_certificate_not_after_timestamp_seconds{certificate=\"etcd\"} 0")
	notAfter = time.Unix(1_800_000_000, 5)
	expectLines(t, scrape(t, m), "originwarden_certificate_not_after_timestamp_seconds{certificate=\"etcd\"} 1.8e+09")
}
