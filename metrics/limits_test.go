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

func limits() []string {
	return append(proxy.Limits(), metrics.LimitConnections, api.LimitTier1, api.LimitTier2, api.LimitFailed, api.LimitInFlight)
}

// Whoever is woken by a limit looks up what its clients get.
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
			t.Errorf("the table of metrics has no %s", limit)
		}
		if !regexp.MustCompile("(?m)^\\| .*`" + limit + "`.* \\|").MatchString(alert) {
			t.Errorf("the alert has no %s", limit)
		}
	}
}
