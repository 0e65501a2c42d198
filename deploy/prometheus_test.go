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

// text is the body of a response.
func text(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// prometheus is the address of one that asks the gateway every second.
type prometheus string

// startPrometheus starts one with the configuration and the rules that are
// shipped, but for where the gateway is and how often it is asked.
func startPrometheus(t *testing.T, g *gateway, args ...string) prometheus {
	t.Helper()
	shipped, err := os.ReadFile("prometheus/prometheus.yml")
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
	if err := yaml.Unmarshal(shipped, &cfg); err != nil {
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
	write(t, filepath.Join(dir, "prometheus.yml"), string(changed))
	found := start(t, `msg="Listening on".* address=(\S+)`, append([]string{"prometheus",
		"--config.file=" + filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path=" + filepath.Join(dir, "tsdb"),
		"--web.listen-address=127.0.0.1:0"}, args...)...)
	return prometheus("http://" + found[1])
}

// ask asks the HTTP API, and decodes the data of the response.
func (p prometheus) ask(t *testing.T, path string, data any) (problem string) {
	t.Helper()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	body := text(t, string(p)+path)
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return err.Error() + ": " + body
	}
	return answer.Error
}

// results is how many series an expression comes to.
func (p prometheus) results(t *testing.T, expr string) (n int, problem string) {
	t.Helper()
	var data struct{ Result []any }
	problem = p.ask(t, "/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result), problem
}

// rules are the states of the alerts.
func (p prometheus) rules(t *testing.T) map[string]string {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	if problem := p.ask(t, "/api/v1/rules", &data); problem != "" {
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

// TestPrometheus_AnswersEveryQuery asks a real one, with classic histograms and
// with native ones.
func TestPrometheus_AnswersEveryQuery(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		if os.Getenv("ORIGINWARDEN_PROMETHEUS") == "required" {
			t.Fatal(err)
		}
		t.Skip("there is no prometheus on this machine")
	}
	g := startGateway(t)
	t.Run("with classic histograms", func(t *testing.T) {
		t.Parallel()
		testQueries(t, startPrometheus(t, g), "originwarden_gateway_duration_seconds_bucket")
	})
	t.Run("with native histograms", func(t *testing.T) {
		t.Parallel()
		testQueries(t, startPrometheus(t, g, "--enable-feature=native-histograms"), "originwarden_gateway_duration_seconds")
	})
}

func testQueries(t *testing.T, p prometheus, histogram string) {
	variables := strings.NewReplacer("$__rate_interval", "10s", "$job", ".*", "$instance", ".*", "$tenant", ".*")
	// Prometheus has to have asked the gateway twice before there are rates.
	eventually(t, func() bool {
		n, _ := p.results(t, `rate(go_goroutines[10s])`)
		return n > 0
	})
	if n, problem := p.results(t, histogram); n == 0 {
		t.Errorf("there is no %s, which is what is tried here %s", histogram, problem)
	}
	for _, q := range readDashboard(t).queries() {
		n, problem := p.results(t, variables.Replace(q.expr))
		if problem != "" || n == 0 && !mayBeEmpty(q) {
			t.Errorf("%s: %d series, %s\n%s", q.name, n, problem, q.expr)
		}
	}
	want := len(readRules(t))
	states := map[string]string{}
	if !eventually(t, func() bool {
		states = p.rules(t)
		unknown := slices.ContainsFunc(slices.Collect(maps.Values(states)), func(s string) bool { return strings.HasPrefix(s, "unknown") })
		return len(states) == want && !unknown
	}) {
		t.Fatalf("%d alerts: %v", want, states)
	}
	for name, state := range states {
		want := "ok inactive"
		if name == "OriginwardenTenantDown" {
			want = "ok pending" // one of the tenants is not there
		}
		if state != want {
			t.Errorf("%s is %s at a gateway that runs, want %s", name, state, want)
		}
	}
}

// mayBeEmpty tells the queries of a limit and of a certificate, which are not set
// here.
func mayBeEmpty(q query) bool {
	return strings.Contains(q.expr, "go_gc_gomemlimit_bytes") || strings.Contains(q.expr, "certificate_not_after")
}
