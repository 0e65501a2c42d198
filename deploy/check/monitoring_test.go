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

// buildMonitored builds a kustomization with the component for the Prometheus operator.
func buildMonitored(t *testing.T, name string) *manifests {
	t.Helper()
	return buildManifests(t, writeOverlay(t, "namespace: originwarden\nresources: [../"+name+"]\ncomponents: [../monitoring]\n"))
}

// writeOverlay writes a kustomization to a directory next to a copy of those of
// deploy/kubernetes, and returns the directory.
func writeOverlay(t *testing.T, kustomization string) string {
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

func TestMonitor_ScrapesEveryGateway(t *testing.T) {
	for _, name := range []string{"edge", "single"} {
		t.Run(name, func(t *testing.T) {
			m := buildMonitored(t, name)
			if len(m.monitors) != 1 {
				t.Fatalf("want one ServiceMonitor: %+v", m)
			}
			monitor := m.monitors[0]
			selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
			if err != nil {
				t.Fatal(err)
			}
			selected := 0
			for _, service := range m.services {
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

// A new gateway is not ready before it has loaded the lists. The old ones serve until then.
func TestEdge_KeepsOldGatewaysUntilNewOnesAreReady(t *testing.T) {
	m := buildManifests(t, "../kubernetes/edge")
	if unavailable := m.workloads[0].strategy.RollingUpdate.MaxUnavailable; unavailable.IntValue() != 0 || unavailable.Type != intstr.Int {
		t.Errorf("maxUnavailable is %s, want 0", unavailable)
	}
	if path := gatewayContainer(t, &m.workloads[0].template.Spec).ReadinessProbe.HTTPGet.Path; path != "/readyz" {
		t.Errorf("readiness probe %s, want /readyz", path)
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

func TestRules_ConvertToPrometheusRule(t *testing.T) {
	object, _, err := newDecoder(t).Decode([]byte(printRules(t, "--kubernetes", runbooks)), nil, nil)
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
	for _, args := range [][]string{nil, {"--kubernetes"}, {"docs"}, {"https://x.example/a|b"}, {runbooks, "more"}} {
		if out, err := exec.Command("../rules.sh", args...).Output(); err == nil || len(out) > 0 {
			t.Errorf("%q: error %v, output %q, want an error without output", args, err, out)
		}
	}
}
