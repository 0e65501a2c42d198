package check

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// monitored is a kustomization with the component for Prometheus' operator.
func monitored(t *testing.T, name string) *manifests {
	t.Helper()
	return build(t, overlay(t, "namespace: originwarden\nresources: [../"+name+"]\ncomponents: [../monitoring]\n"))
}

// overlay is a folder beside the kustomizations that are shipped.
func overlay(t *testing.T, kustomization string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "kubernetes")
	if out, err := exec.Command("cp", "-r", "../kubernetes", root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disk := filesys.MakeFsOnDisk()
	if err := disk.MkdirAll(filepath.Join(root, "overlay")); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(filepath.Join(root, "overlay", "kustomization.yaml"), []byte(kustomization)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "overlay")
}

func TestMonitor_AsksEveryGateway(t *testing.T) {
	for _, name := range []string{"edge", "single"} {
		t.Run(name, func(t *testing.T) {
			m := monitored(t, name)
			if len(m.monitors) != 1 {
				t.Fatalf("%+v", m)
			}
			monitor := m.monitors[0]
			selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, service := range m.services {
				if !selector.Matches(labels.Set(service.Labels)) {
					continue
				}
				asked++
				if job := service.Labels[monitor.Spec.JobLabel]; job != "originwarden" {
					t.Errorf("the job is %q, which no alert looks for", job)
				}
				if !service.Spec.PublishNotReadyAddresses || service.Namespace != monitor.Namespace {
					t.Errorf("%s is not of every gateway", service.Name)
				}
				pods := m.workloads[0].template
				if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pods.Labels)) {
					t.Errorf("%s selects %v, the pods have %v", service.Name, service.Spec.Selector, pods.Labels)
				}
				port := service.Spec.Ports[0]
				_, admin := listeners(t, m)
				if got := portOf(gateway(t, &pods.Spec), port.TargetPort); got != admin || port.Name != monitor.Spec.Endpoints[0].Port {
					t.Errorf("port %s is %d, the admin address is %d", port.Name, got, admin)
				}
			}
			if asked != 1 || portOf(gateway(t, &m.workloads[0].template.Spec), intstr.FromString("admin")) == 0 {
				t.Errorf("it asks %d services", asked)
			}
		})
	}
}

// A gateway that has no lists is not ready, and the old ones serve until it is.
func TestEdge_KeepsOldGatewaysUntilNewOnesHaveLists(t *testing.T) {
	m := build(t, "../kubernetes/edge")
	if most := m.workloads[0].strategy.RollingUpdate.MaxUnavailable; most.IntValue() != 0 || most.Type != intstr.Int {
		t.Errorf("a rollout takes %s gateways away before there are others", most)
	}
	if path := gateway(t, &m.workloads[0].template.Spec).ReadinessProbe.HTTPGet.Path; path != "/readyz" {
		t.Errorf("a new gateway is ready when %s says so, with lists or without", path)
	}
}

const runbooks = "https://git.example.com/originwarden/blob/main/docs"

func rules(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("../rules.sh", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRules_AreAPrometheusRule(t *testing.T) {
	object, _, err := decoder(t).Decode([]byte(rules(t, "--kubernetes", runbooks)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	rule := object.(*monitoringv1.PrometheusRule)
	alerts := 0
	for _, group := range rule.Spec.Groups {
		for _, r := range group.Rules {
			alerts++
			if url := r.Annotations["runbook_url"]; !strings.HasPrefix(url, runbooks+"/operate.md#") {
				t.Errorf("the runbook of %s is %s", r.Alert, url)
			}
		}
	}
	if shipped := strings.Count(rules(t, runbooks), "- alert:"); alerts != shipped || alerts == 0 {
		t.Errorf("it has %d of %d alerts", alerts, shipped)
	}
}

func TestRules_LinkToWhereRunbooksArePublished(t *testing.T) {
	for _, url := range []string{runbooks, runbooks + "/"} {
		links := slices.DeleteFunc(strings.Split(rules(t, url), "\n"), func(line string) bool { return !strings.Contains(line, "runbook_url:") })
		for _, link := range links {
			if !strings.Contains(link, " "+runbooks+"/operate.md#") {
				t.Errorf("%s: %s", url, link)
			}
		}
		if len(links) == 0 {
			t.Error("no alert has a runbook")
		}
	}
	for _, args := range [][]string{nil, {"--kubernetes"}, {"docs"}, {"https://x.example/a|b"}, {runbooks, "more"}} {
		if out, err := exec.Command("../rules.sh", args...).Output(); err == nil || len(out) > 0 {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}
