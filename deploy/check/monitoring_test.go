package check

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestMonitor_ScrapesEveryGateway(t *testing.T) {
	for _, variant := range []string{"fleet", "single", "fleet-all", "decide"} {
		t.Run(variant, func(t *testing.T) {
			m := buildManifests(t, variant, "monitoring: {enabled: true}")
			if len(m.monitors) != 1 {
				t.Fatalf("want one ServiceMonitor: %+v", m)
			}
			monitor := m.monitors[0]
			selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
			if err != nil {
				t.Fatal(err)
			}
			selected := 0
			for _, service := range slices.Concat(m.services, m.admins, m.questions) {
				if !selector.Matches(labels.Set(service.Labels)) {
					continue
				}
				selected++
				if job := service.Labels[monitor.Spec.JobLabel]; job != "originwarden" {
					t.Errorf("job %q, want originwarden, which the alerts select", job)
				}
				if !service.Spec.PublishNotReadyAddresses || service.Namespace != monitor.Namespace {
					t.Errorf("%s does not include the gateways that are not ready, or is in another namespace", service.Name)
				}
				pods := m.workloads[0].template
				if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pods.Labels)) {
					t.Errorf("%s: selector %v does not match the pods' labels %v", service.Name, service.Spec.Selector, pods.Labels)
				}
				port := service.Spec.Ports[0]
				_, admin := configuredPorts(t, m)
				if got := containerPort(gatewayContainer(t, &pods.Spec), port.TargetPort); got != admin || port.Name != monitor.Spec.Endpoints[0].Port {
					t.Errorf("port %s is %d, want the admin port %d", port.Name, got, admin)
				}
			}
			if selected != 1 || containerPort(gatewayContainer(t, &m.workloads[0].template.Spec), intstr.FromString("admin")) == 0 {
				t.Errorf("the ServiceMonitor selects %d services, want 1 with the admin port", selected)
			}
		})
	}
}

func TestMonitor_ScrapesSidecars(t *testing.T) {
	rendered, err := render(loadChart(t, exampleChart(t)), "shop", values{"originwarden": values{"monitoring": values{"enabled": true}}})
	if err != nil {
		t.Fatal(err)
	}
	m := manifestsOf(t, "example", rendered)
	if len(m.podMonitors) != 1 || len(m.monitors) != 0 {
		t.Fatalf("want one PodMonitor: %+v", m)
	}
	monitor, pods := m.podMonitors[0], m.workloads[0].template
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil || !selector.Matches(labels.Set(pods.Labels)) {
		t.Errorf("selector %v (%v) does not match the pods' labels %v", selector, err, pods.Labels)
	}
	endpoint := monitor.Spec.PodMetricsEndpoints[0]
	_, admin := configuredPorts(t, m)
	if got := containerPort(gatewayContainer(t, &pods.Spec), intstr.FromString(*endpoint.Port)); got != admin {
		t.Errorf("port %s is %d, want the admin port %d", *endpoint.Port, got, admin)
	}
	if relabeling := endpoint.RelabelConfigs[0]; relabeling.TargetLabel != "job" || *relabeling.Replacement != "originwarden" {
		t.Errorf("relabeling %+v, want the job originwarden", relabeling)
	}
}

// One job is one store, and the alerts select its name.
func TestMonitor_NamesJobOfEachRelease(t *testing.T) {
	alerts := regexp.MustCompile("^(?:originwarden(-.+)?)$") // anchored, as Prometheus does
	if rules, err := os.ReadFile("../prometheus/rules/originwarden.yml"); err != nil || !strings.Contains(string(rules), `job=~"originwarden(-.+)?"`) {
		t.Fatalf("the alerts select other jobs (%v)", err)
	}
	jobs := map[string]bool{}
	for _, row := range []struct{ release, patch, want string }{
		{"originwarden", "", "originwarden"},
		{"originwarden-east", "", "originwarden-east"},
		{"my-originwarden", "", "originwarden-my-originwarden"},
		{"east", "monitoring: {job: originwarden-east-2}", "originwarden-east-2"},
	} {
		rendered, err := render(loadChart(t, chartDir), row.release, readValues(t, "fleet", "monitoring: {enabled: true}", row.patch))
		if err != nil {
			t.Fatal(err)
		}
		job := manifestsOf(t, row.release, rendered).admins[0].Labels["prometheus-job"]
		if job != row.want || !alerts.MatchString(job) || jobs[job] {
			t.Errorf("release %s: job %s, want %s", row.release, job, row.want)
		}
		jobs[job] = true
	}
}

// A new gateway is not ready before it has loaded the lists. The old ones serve until then.
func TestFleet_KeepsOldGatewaysUntilNewOnesAreReady(t *testing.T) {
	m := buildManifests(t, "fleet")
	if unavailable := m.workloads[0].strategy.RollingUpdate.MaxUnavailable; unavailable.IntValue() != 0 || unavailable.Type != intstr.Int {
		t.Errorf("maxUnavailable is %s, want 0", unavailable)
	}
	if path := gatewayContainer(t, &m.workloads[0].template.Spec).ReadinessProbe.HTTPGet.Path; path != "/readyz" {
		t.Errorf("readiness probe %s, want /readyz", path)
	}
}

func TestSingle_IsOneGateway(t *testing.T) {
	m := buildManifests(t, "single", "replicas: 5", "autoscaling: {enabled: true}")
	if replicas := m.workloads[0].replicas; replicas == nil || *replicas != 1 || len(m.scalers)+len(m.budgets) > 0 {
		t.Errorf("replicas %v, %d autoscalers and %d disruption budgets, want one gateway", replicas, len(m.scalers), len(m.budgets))
	}
	if len(m.claims) != 1 || m.claims["originwarden"].Annotations["helm.sh/resource-policy"] != "keep" {
		t.Errorf("claims %v, want one that remains when the release is uninstalled", m.claims)
	}
}

func TestDashboard_IsThatOfDeploy(t *testing.T) {
	m := buildManifests(t, "fleet-all")
	if len(m.dashboards) != 1 || m.dashboards[0].Labels["grafana_dashboard"] != "1" {
		t.Fatalf("want one dashboard with the label grafana_dashboard: %+v", m.dashboards)
	}
	var rendered, want any
	file, err := os.ReadFile("../grafana/originwarden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(m.dashboards[0].Data["originwarden.json"]), &rendered); err != nil || !reflect.DeepEqual(rendered, want) {
		t.Errorf("the dashboard is not that of deploy/grafana (%v)", err)
	}
}

const runbooks = "https://git.example.com/originwarden/blob/main/docs"

// printRules returns the output of rules.sh.
func printRules(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("../rules.sh", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRules_RenderAsPrometheusRule(t *testing.T) {
	m := buildManifests(t, "fleet-all")
	if len(m.rules) != 1 || m.rules[0].Labels["release"] != "prometheus" {
		t.Fatalf("want one PrometheusRule with the labels of the values: %+v", m.rules)
	}
	alerts := 0
	for _, group := range m.rules[0].Spec.Groups {
		for _, r := range group.Rules {
			alerts++
			if url := r.Annotations["runbook_url"]; !strings.HasPrefix(url, runbooks+"/operate.md#") {
				t.Errorf("the runbook of %s is %s", r.Alert, url)
			}
			if !strings.Contains(printRules(t, runbooks), r.Annotations["summary"]) {
				t.Errorf("the summary of %s is %q, unlike that in deploy/prometheus", r.Alert, r.Annotations["summary"])
			}
		}
	}
	if want := strings.Count(printRules(t, runbooks), "- alert:"); alerts != want || alerts == 0 {
		t.Errorf("%d alerts, want %d", alerts, want)
	}
}

func TestRules_LinkToPublishedRunbooks(t *testing.T) {
	for _, url := range []string{runbooks, runbooks + "/"} {
		links := slices.DeleteFunc(strings.Split(printRules(t, url), "\n"), func(line string) bool { return !strings.Contains(line, "runbook_url:") })
		for _, link := range links {
			if !strings.Contains(link, " "+runbooks+"/operate.md#") {
				t.Errorf("%s: link %s", url, link)
			}
		}
		if len(links) == 0 {
			t.Error("no alert has a runbook")
		}
	}
	for _, args := range [][]string{nil, {"--kubernetes", runbooks}, {"docs"}, {"https://x.example/a|b"}, {runbooks, "more"}} {
		if out, err := exec.Command("../rules.sh", args...).Output(); err == nil || len(out) > 0 {
			t.Errorf("%q: error %v, output %q, want an error without output", args, err, out)
		}
	}
}
