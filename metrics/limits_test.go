package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"originwarden/api"
	"originwarden/metrics"
	"originwarden/proxy"
)

// limits returns the values of the label limit.
func limits() []string {
	return append(proxy.Limits(), metrics.LimitConnections, api.LimitTier1, api.LimitTier2, api.LimitFailed, api.LimitInFlight)
}

// docs/operate.md names each limit in the table of metrics, and says under the alert
// what its clients receive.
func TestTable_HasEveryLimit(t *testing.T) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile("(?m)^\\| `originwarden_limited_total` .*$").FindString(string(text))
	_, alert, _ := strings.Cut(string(text), "\n### Limits hit\n")
	alert, _, _ = strings.Cut(alert, "\n### ")
	for _, limit := range limits() {
		if !regexp.MustCompile(`[ ,]` + limit + `[,;.]`).MatchString(metric) {
			t.Errorf("originwarden_limited_total does not list the limit %s", limit)
		}
		if !regexp.MustCompile("(?m)^\\| .*`" + limit + "`.* \\|").MatchString(alert) {
			t.Errorf("the section \"Limits hit\" has no row for the limit %s", limit)
		}
	}
}
