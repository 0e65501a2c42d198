package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	dashboardFile = "grafana/originwarden.json"
	rulesFile     = "prometheus/rules/originwarden.yml"
	ruleTestsFile = "prometheus/rules/originwarden_test.yml"
)

// query is a PromQL expression and the labels that its legend or its alert shows.
type query struct {
	name   string
	expr   string
	labels []string // {{label}}, {{ $labels.label }}
}

type dashboard struct {
	UID        string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Definition string }
	}
}

type panel struct {
	ID         int
	Type       string
	Title      string
	GridPos    struct{ H, W, X, Y int }
	Datasource struct{ UID string }
	Targets    []struct {
		Expr, LegendFormat string
		Datasource         struct{ UID string }
	}
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func (d *dashboard) queries() []query {
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title, target.Expr, templateLabels(target.LegendFormat)})
		}
	}
	return all
}

// rule is an alerting rule.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var rules []rule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

func (r *rule) query() query {
	return query{r.Alert, r.Expr, templateLabels(r.Annotations["summary"] + r.Annotations["description"])}
}

// templateLabels returns the labels that a template shows.
func templateLabels(text string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`{{\s*(?:\$labels\.)?(\w+)\s*}}`).FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

// metrics maps each scraped metric to its labels. A histogram is also there under its
// base name, which is the name of a native histogram.
type metrics map[string]map[string]bool

func (g *gateway) scrape(t *testing.T) metrics {
	t.Helper()
	all := metrics{}
	add := func(name string, labels ...string) {
		if all[name] == nil {
			all[name] = map[string]bool{"job": true, "instance": true} // set by Prometheus
		}
		for _, label := range labels {
			all[name][label] = true
		}
	}
	for line := range strings.Lines(getBody(t, "http://"+g.admin+"/metrics")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, braces, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		labels := labelNames(braces)
		add(name, labels...)
		if base, ok := strings.CutSuffix(name, "_bucket"); ok {
			add(base, labels...)
		}
	}
	return all
}

// labelNames returns the names of the labels in braces.
func labelNames(braces string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`(\w+)\s*(?:=~|!=|!~|=)\s*"(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(braces, -1) {
		names = append(names, found[1])
	}
	return names
}

// selector matches a metric and its label matchers.
var selector = regexp.MustCompile(`\b((?:originwarden|go|process)_\w+)(?:{([^}]*)})?`)

var grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right) \(([^)]*)\)`)

func TestQueries_UseExistingMetricsAndLabels(t *testing.T) {
	scraped := startGateway(t).scrape(t)
	missing := map[string][]string{}
	for _, q := range allQueries(t) {
		known := map[string]bool{}
		for _, found := range selector.FindAllStringSubmatch(q.expr, -1) {
			labels, ok := scraped[found[1]]
			if !ok {
				missing[found[1]] = append(missing[found[1]], q.name)
				known = nil // its labels are unknown
				break
			}
			maps.Copy(known, labels)
			for _, label := range labelNames(found[2]) {
				if !labels[label] {
					t.Errorf("%s: %s has no label %s", q.name, found[1], label)
				}
			}
		}
		if known != nil {
			checkLabels(t, q, known)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("no metric %s, used by %q", name, missing[name])
	}
}

// checkLabels checks that a query groups by and shows only labels that its metrics
// have.
func checkLabels(t *testing.T, q query, known map[string]bool) {
	t.Helper()
	if !selector.MatchString(q.expr) { // up, which Prometheus itself adds
		known = map[string]bool{"job": true, "instance": true}
	}
	remaining := known
	for _, found := range grouping.FindAllStringSubmatch(q.expr, -1) {
		kept := map[string]bool{}
		for label := range strings.SplitSeq(found[1], ",") {
			if label = strings.TrimSpace(label); label == "" {
				continue
			}
			kept[label] = true
			if !known[label] && label != "le" {
				t.Errorf("%s: grouped by the unknown label %s", q.name, label)
			}
		}
		if strings.HasPrefix(found[0], "by") && !strings.Contains(q.expr, "group_left") {
			remaining = kept
		}
	}
	for _, label := range q.labels {
		if !remaining[label] {
			t.Errorf("%s: shows the label %s, which its result does not have", q.name, label)
		}
	}
}

func allQueries(t *testing.T) []query {
	t.Helper()
	all := readDashboard(t).queries()
	for _, r := range readRules(t) {
		all = append(all, r.query())
	}
	if len(all) < 40 {
		t.Fatalf("%d queries, want at least 40", len(all))
	}
	return all
}

func TestQueries_UseEveryGatewayMetric(t *testing.T) {
	used := map[string]bool{}
	for _, q := range allQueries(t) {
		for _, found := range selector.FindAllStringSubmatch(q.expr, -1) {
			used[found[1]] = true
		}
	}
	for name := range startGateway(t).scrape(t) {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "originwarden_") && !used[name] && !used[base] {
			t.Errorf("neither the dashboard nor an alert uses %s", name)
		}
	}
}

func TestDashboard_HasValidPanels(t *testing.T) {
	d := readDashboard(t)
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d, %q: duplicate id or no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("panel %s overlaps panel %q or is wider than the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
				t.Errorf("panel %s: the data source is not ${datasource}", p.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s has no query", p.Title)
		}
	}
}

func TestDashboard_DefinesItsVariables(t *testing.T) {
	d := readDashboard(t)
	defined := map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		defined[v.Name] = true
	}
	for _, q := range d.queries() {
		for _, found := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(q.expr, -1) {
			if !defined[found[1]] {
				t.Errorf("%s: undefined variable %s", q.name, found[1])
			}
		}
	}
}

func TestRules_HaveSeverityTextAndRunbook(t *testing.T) {
	manual, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Errorf("%v", err)
	}
	sections := anchors(string(manual))
	for _, r := range readRules(t) {
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: invalid severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", r.Alert)
		}
		section, ok := strings.CutPrefix(r.Annotations["runbook_url"], "docs/operate.md#")
		if !ok || !sections[section] {
			t.Errorf("%s: no section for the runbook URL %q", r.Alert, r.Annotations["runbook_url"])
		}
	}
}

// anchors returns the anchors of the headings.
func anchors(markdown string) map[string]bool {
	all := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^#+ +(.+?) *$`).FindAllStringSubmatch(markdown, -1) {
		kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		all[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return all
}

func TestRules_AreTestedFiringAndNotFiring(t *testing.T) {
	text, err := os.ReadFile(ruleTestsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	firing, notFiring := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			firing[c.Alert] = firing[c.Alert] || len(c.Expected) > 0
			notFiring[c.Alert] = notFiring[c.Alert] || len(c.Expected) == 0
		}
	}
	for _, r := range readRules(t) {
		if !firing[r.Alert] || !notFiring[r.Alert] {
			t.Errorf("%s: tested firing: %v, tested not firing: %v", r.Alert, firing[r.Alert], notFiring[r.Alert])
		}
	}
}
