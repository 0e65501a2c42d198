package deploy_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// getBody returns the body of the response at address.
func getBody(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// prometheus is the URL of a Prometheus server that scrapes the gateway every second.
type prometheus string

// startPrometheus starts Prometheus with the configuration and the rules of deploy,
// except for the gateway's address and the intervals.
func startPrometheus(t *testing.T, g *gateway, args ...string) prometheus {
	t.Helper()
	text, err := os.ReadFile("prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct {
		Global struct {
			Scrape     string `yaml:"scrape_interval"`
			Evaluation string `yaml:"evaluation_interval"`
		}
		Rules   []string         `yaml:"rule_files"`
		Scrapes []map[string]any `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Global.Scrape, cfg.Global.Evaluation = "1s", "1s"
	for i := range cfg.Rules {
		cfg.Rules[i], _ = filepath.Abs(filepath.Join("prometheus", cfg.Rules[i]))
	}
	for _, job := range cfg.Scrapes {
		job["scrape_interval"] = "1s"
		job["scrape_timeout"] = "1s"
		job["static_configs"] = []map[string][]string{{"targets": {g.admin}}}
	}
	changed, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "prometheus.yml"), string(changed))
	found := startProgram(t, `msg="Listening on".* address=(\S+)`, append([]string{"prometheus",
		"--config.file=" + filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path=" + filepath.Join(dir, "tsdb"),
		"--web.listen-address=127.0.0.1:0"}, args...)...)
	return prometheus("http://" + found[1])
}

// get requests path from the HTTP API, decodes the data of the response, and returns
// its error.
func (p prometheus) get(t *testing.T, path string, data any) (problem string) {
	t.Helper()
	response := struct {
		Status, Error string
		Data          any
	}{Data: data}
	body := getBody(t, string(p)+path)
	if err := json.Unmarshal([]byte(body), &response); err != nil {
		return err.Error() + ": " + body
	}
	return response.Error
}

// countSeries returns the number of series in the result of an expression.
func (p prometheus) countSeries(t *testing.T, expr string) (n int, problem string) {
	t.Helper()
	var data struct{ Result []any }
	problem = p.get(t, "/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result), problem
}

// ruleStates returns the health, the state and the last error of each alert.
func (p prometheus) ruleStates(t *testing.T) map[string]string {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	if problem := p.get(t, "/api/v1/rules", &data); problem != "" {
		t.Fatal(problem)
	}
	states := map[string]string{}
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			states[rule.Name] = strings.TrimSpace(rule.Health + " " + rule.State + " " + rule.LastError)
		}
	}
	return states
}

// TestPrometheus_ReturnsResultsForEveryQuery runs the queries in Prometheus, with classic
// and with native histograms.
func TestPrometheus_ReturnsResultsForEveryQuery(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		if os.Getenv("ORIGINWARDEN_PROMETHEUS") == "required" {
			t.Fatal(err)
		}
		t.Skip("prometheus is not installed")
	}
	g := startGateway(t)
	t.Run("classic histograms", func(t *testing.T) {
		t.Parallel()
		testQueries(t, startPrometheus(t, g), "originwarden_gateway_duration_seconds_bucket")
	})
	t.Run("native histograms", func(t *testing.T) {
		t.Parallel()
		testQueries(t, startPrometheus(t, g, "--enable-feature=native-histograms"), "originwarden_gateway_duration_seconds")
	})
}

func testQueries(t *testing.T, p prometheus, histogram string) {
	variables := strings.NewReplacer("$__rate_interval", "10s", "$job", ".*", "$instance", ".*", "$tenant", ".*")
	// There are no rates before the second scrape.
	eventually(t, func() bool {
		n, _ := p.countSeries(t, `rate(go_goroutines[10s])`)
		return n > 0
	})
	if n, problem := p.countSeries(t, histogram); n == 0 {
		t.Errorf("no series %s, which this test needs: %s", histogram, problem)
	}
	for _, q := range readDashboard(t).queries() {
		n, problem := p.countSeries(t, variables.Replace(q.expr))
		if problem != "" || n == 0 && !mayBeEmpty(q) {
			t.Errorf("%s: %d series, error %q\n%s", q.name, n, problem, q.expr)
		}
	}
	want := len(readRules(t))
	states := map[string]string{}
	if !eventually(t, func() bool {
		states = p.ruleStates(t)
		unknown := slices.ContainsFunc(slices.Collect(maps.Values(states)), func(s string) bool { return strings.HasPrefix(s, "unknown") })
		return len(states) == want && !unknown
	}) {
		t.Fatalf("states of the alerts: %v, want %d known ones", states, want)
	}
	for name, state := range states {
		want := "ok inactive"
		if name == "OriginwardenTenantDown" {
			want = "ok pending" // one of the tenants is unreachable
		}
		if state != want {
			t.Errorf("alert %s: state %q with a running gateway, want %q", name, state, want)
		}
	}
}

// mayBeEmpty reports whether a query is about the memory limit or a certificate, which
// this gateway does not have.
func mayBeEmpty(q query) bool {
	return strings.Contains(q.expr, "go_gc_gomemlimit_bytes") || strings.Contains(q.expr, "certificate_not_after")
}
