// Package check tests the chart, the compose file and the Dockerfile with Helm, the
// validation of the Kubernetes API, the loader of Compose and the parser of BuildKit. It
// is a separate module, so that the product does not depend on any of them.
package check

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	admission "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func TestManifests_SelectTheirPods(t *testing.T) {
	forEach(t, func(t *testing.T, m *manifests) {
		if len(m.workloads) != 1 || len(m.services) != 1 || len(m.policies) != 1 || len(m.configs) != 1 {
			t.Fatalf("want one workload, Service, NetworkPolicy and ConfigMap: %+v", m)
		}
		pods := labels.Set(m.workloads[0].template.Labels)
		expectSelected := func(what string, selector *metav1.LabelSelector) {
			parsed, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil || parsed.Empty() || !parsed.Matches(pods) {
				t.Errorf("%s: selector %v (%v) does not match the pods' labels %v", what, selector, err, pods)
			}
		}
		expectSelected("Deployment or StatefulSet", m.workloads[0].selector)
		expectSelected("Service", &metav1.LabelSelector{MatchLabels: m.services[0].Spec.Selector})
		expectSelected("NetworkPolicy", &m.policies[0].Spec.PodSelector)
		for _, budget := range m.budgets {
			expectSelected("PodDisruptionBudget", budget.Spec.Selector)
		}
		for _, spread := range m.workloads[0].template.Spec.TopologySpreadConstraints {
			expectSelected("spread over "+spread.TopologyKey, spread.LabelSelector)
		}
		for _, route := range m.routes {
			backend := route.Spec.Rules[0].BackendRefs[0]
			if string(backend.Name) != m.services[0].Name || *backend.Port != m.services[0].Spec.Ports[0].Port {
				t.Errorf("HTTPRoute: backend %s:%d, want the Service %s", backend.Name, *backend.Port, m.services[0].Name)
			}
		}
		for _, ingress := range m.ingresses {
			backend := ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service
			if backend.Name != m.services[0].Name || backend.Port.Name != m.services[0].Spec.Ports[0].Name {
				t.Errorf("Ingress: backend %+v, want the Service %s", backend, m.services[0].Name)
			}
		}
		for _, scaler := range m.scalers {
			if scaler.Spec.ScaleTargetRef.Name != m.workloads[0].name || m.workloads[0].replicas != nil {
				t.Errorf("the autoscaler scales %s, or the Deployment has replicas too", scaler.Spec.ScaleTargetRef.Name)
			}
		}
		if name := m.workloads[0].template.Spec.ServiceAccountName; name != "" && name != "default" && m.accounts[name] == nil {
			t.Errorf("no ServiceAccount %s", name)
		}
		if len(m.namespaces) != 1 || m.namespaces[""] {
			t.Errorf("namespaces %v, want one", m.namespaces)
		}
	})
}

// gatewayContainer returns the container or init container of the gateway.
func gatewayContainer(t *testing.T, pod *corev1.PodSpec) *corev1.Container {
	t.Helper()
	for _, container := range slices.Concat(pod.Containers, pod.InitContainers) {
		if container.Name == "originwarden" {
			return &container
		}
	}
	t.Fatal("no container named originwarden")
	return nil
}

func TestManifests_UseExistingVolumesAndConfigMaps(t *testing.T) {
	// Created by the operator, see deploy/README.md and the values.
	secrets := []string{"originwarden-tls", "originwarden-etcd", "example-tls", "console", "originwarden-decide", "proxies-ca"}
	configMaps := []string{"tenants"}
	forEach(t, func(t *testing.T, m *manifests) {
		pod := &m.workloads[0].template.Spec
		volumes := map[string]bool{}
		for _, v := range pod.Volumes {
			volumes[v.Name] = true
			if v.ConfigMap != nil && !slices.Contains(configMaps, v.ConfigMap.Name) && (m.configs[v.ConfigMap.Name] == nil || m.configs[v.ConfigMap.Name].Data["originwarden.yaml"] == "") {
				t.Errorf("volume %s: the ConfigMap %s has no originwarden.yaml", v.Name, v.ConfigMap.Name)
			}
			if v.PersistentVolumeClaim != nil && m.claims[v.PersistentVolumeClaim.ClaimName] == nil {
				t.Errorf("no claim %s", v.PersistentVolumeClaim.ClaimName)
			}
			if v.Secret != nil && !slices.Contains(secrets, v.Secret.SecretName) {
				t.Errorf("unexpected Secret %s", v.Secret.SecretName)
			}
		}
		container := gatewayContainer(t, pod)
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("no volume %s", mount.Name)
			}
			delete(volumes, mount.Name)
		}
		if len(volumes) > 0 {
			t.Errorf("volumes that are not mounted: %v", volumes)
		}
		if !strings.Contains(container.Image, ":") {
			t.Errorf("image %q has no tag", container.Image)
		}
	})
}

// containerPort returns the number of a container's port, by number or name, or 0 if
// there is none.
func containerPort(container *corev1.Container, port intstr.IntOrString) int32 {
	for _, p := range container.Ports {
		if p.ContainerPort == port.IntVal || port.Type == intstr.String && p.Name == port.StrVal {
			return p.ContainerPort
		}
	}
	return 0
}

func TestManifests_UseConfiguredPorts(t *testing.T) {
	forEach(t, func(t *testing.T, m *manifests) {
		container := gatewayContainer(t, &m.workloads[0].template.Spec)
		tenants, admin := configuredPorts(t, m)
		expectPort := func(what string, got, want int32) {
			if got != want {
				t.Errorf("%s: port %d, want %d", what, got, want)
			}
		}
		expectPort("Service", containerPort(container, m.services[0].Spec.Ports[0].TargetPort), tenants)
		for name, probe := range map[string]*corev1.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
			expectPort(name+" probe", containerPort(container, probe.HTTPGet.Port), admin)
		}
		for i, rule := range m.policies[0].Spec.Ingress {
			switch port := containerPort(container, *rule.Ports[0].Port); {
			case i == 0:
				expectPort("NetworkPolicy rule for clients", port, tenants)
			case len(rule.From) == 0:
				t.Errorf("NetworkPolicy: everyone may connect to port %d", port)
			case port != 0 && port == containerPort(container, intstr.FromString("decide")):
				// see TestDecide_IsReachableOnlyForPeersOfThePolicy
			default:
				expectPort("NetworkPolicy rule for Prometheus", port, admin)
			}
		}
	})
}

// configuredPorts returns the ports in the configuration.
func configuredPorts(t *testing.T, m *manifests) (tenants, admin int32) {
	t.Helper()
	var cfg struct {
		Listen string
		Admin  struct{ Listen string }
	}
	_, text := m.config(t)
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	parsePort := func(address string) int32 {
		host, port, _ := net.SplitHostPort(address)
		if host != "0.0.0.0" {
			t.Errorf("address %q is not reachable from outside the pod", address)
		}
		n, err := strconv.ParseInt(port, 10, 32)
		if err != nil {
			t.Error(err)
		}
		return int32(n)
	}
	return parsePort(cfg.Listen), parsePort(cfg.Admin.Listen)
}

// TestManifests_RunWithoutPrivileges checks the Pod Security Standard "restricted", and
// that the root file system is read-only.
func TestManifests_RunWithoutPrivileges(t *testing.T) {
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	restricted := admission.LevelVersion{Level: admission.LevelRestricted, Version: admission.LatestVersion()}
	forEach(t, func(t *testing.T, m *manifests) {
		template := m.workloads[0].template
		for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
			if !result.Allowed {
				t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if token := template.Spec.AutomountServiceAccountToken; token == nil || *token {
			t.Error("the pod has a token for the Kubernetes API")
		}
		for _, c := range slices.Concat(template.Spec.Containers, template.Spec.InitContainers) {
			if readOnly := c.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
				t.Errorf("%s: the root file system is not read-only", c.Name)
			}
		}
	})
}

// drain returns timeouts.drain of the configuration.
func drain(t *testing.T, m *manifests) time.Duration {
	t.Helper()
	var cfg struct{ Timeouts struct{ Drain string } }
	_, text := m.config(t)
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Timeouts.Drain == "" {
		return 10 * time.Second // the default
	}
	parsed, err := time.ParseDuration(cfg.Timeouts.Drain)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestManifests_LeaveTimeToDrain(t *testing.T) {
	forEach(t, func(t *testing.T, m *manifests) {
		pod := &m.workloads[0].template.Spec
		grace, preStop := int64(30), int64(0) // the defaults of the API
		if pod.TerminationGracePeriodSeconds != nil {
			grace = *pod.TerminationGracePeriodSeconds
		}
		for _, c := range slices.Concat(pod.Containers, pod.InitContainers) {
			if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
				preStop = max(preStop, c.Lifecycle.PreStop.Sleep.Seconds)
			}
		}
		drainSeconds := int64(drain(t, m) / time.Second)
		if grace <= preStop+drainSeconds {
			t.Errorf("termination grace period %d s, want more than a preStop of %d s and a drain of %d s", grace, preStop, drainSeconds)
		}
		container := gatewayContainer(t, pod)
		if r := container.Resources; r.Requests.Memory().Cmp(*r.Limits.Memory()) >= 0 || r.Requests.Memory().IsZero() {
			t.Errorf("GOMEMLIMIT (the requested memory) is %s, want less than the limit of %s", r.Requests.Memory(), r.Limits.Memory())
		}
	})
}

// The policy of a fleet opens each port of the members of etcd once.
func TestNetworkPolicy_AllowsMembersOfEtcd(t *testing.T) {
	for url, want := range map[string][]int32{
		"etcd://a:2379,b:2379,c:2379/originwarden": {2379},
		"etcd://a:2379,b:2381":                     {2379, 2381},
		"etcd://[2001:db8::1]:2390/originwarden":   {2390},
	} {
		var ports []int32
		for _, rule := range buildManifests(t, "fleet", "config: {store: {url: '"+url+"'}}").policies[0].Spec.Egress {
			for _, port := range rule.Ports {
				if port.Port.IntVal != 53 {
					ports = append(ports, port.Port.IntVal)
				}
			}
		}
		if !slices.Equal(ports, want) {
			t.Errorf("%s: ports %v, want %v", url, ports, want)
		}
	}
}
