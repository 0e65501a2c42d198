// Package check tests the manifests, the compose file and the Dockerfile with
// kustomize, the validation of the Kubernetes API, the loader of Compose and the
// parser of BuildKit. It is a separate module, so that the product does not depend on
// any of them.
package check

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	v1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	admission "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// manifests are the objects of a kustomization.
type manifests struct {
	workloads  []workload
	services   []*corev1.Service
	budgets    []*policyv1.PodDisruptionBudget
	policies   []*networkingv1.NetworkPolicy
	monitors   []*monitoringv1.ServiceMonitor
	configs    map[string]*corev1.ConfigMap
	namespaces map[string]bool
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	selector *metav1.LabelSelector
	template *corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
	strategy v1.DeploymentStrategy
}

// buildManifests builds a kustomization, and decodes and validates every object. An
// unknown or repeated field is an error.
func buildManifests(t *testing.T, dir string) *manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	decoder := newDecoder(t)
	m := &manifests{configs: map[string]*corev1.ConfigMap{}, namespaces: map[string]bool{}}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s: %v\n%s", dir, err, text)
			continue
		}
		m.add(object)
		for _, problem := range validate(t, object) {
			t.Errorf("%s: %s: %v", dir, resource.GetName(), problem)
		}
	}
	return m
}

// newDecoder returns a decoder for the types of Kubernetes and of the Prometheus
// operator.
func newDecoder(t *testing.T) runtime.Decoder {
	t.Helper()
	if err := monitoringv1.AddToScheme(legacyscheme.Scheme); err != nil {
		t.Fatal(err)
	}
	return serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
}

// validate validates an object as the Kubernetes API does when it is created.
func validate(t *testing.T, object runtime.Object) field.ErrorList {
	t.Helper()
	if _, custom := object.(*monitoringv1.ServiceMonitor); custom {
		return nil
	}
	object = object.DeepCopyObject()
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	if err != nil {
		t.Fatal(err)
	}
	switch o := internal.(type) {
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *core.Service:
		if o.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal {
			o.Spec.HealthCheckNodePort = 30000 // the cluster assigns one
		}
		if o.Spec.ClusterIP == core.ClusterIPNone {
			o.Spec.ClusterIPs = []string{core.ClusterIPNone} // as the cluster sets it
		}
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o)
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	}
	t.Errorf("cannot validate a %T", object)
	return nil
}

func (m *manifests) add(object runtime.Object) {
	switch o := object.(type) {
	case *v1.Deployment:
		m.workloads = append(m.workloads, workload{selector: o.Spec.Selector, template: &o.Spec.Template, strategy: o.Spec.Strategy})
	case *v1.StatefulSet:
		m.workloads = append(m.workloads, workload{selector: o.Spec.Selector, template: &o.Spec.Template, claims: o.Spec.VolumeClaimTemplates})
	case *corev1.Service:
		m.services = append(m.services, o)
	case *policyv1.PodDisruptionBudget:
		m.budgets = append(m.budgets, o)
	case *networkingv1.NetworkPolicy:
		m.policies = append(m.policies, o)
	case *corev1.ConfigMap:
		m.configs[o.Name] = o
	case *monitoringv1.ServiceMonitor:
		m.monitors = append(m.monitors, o)
	case *corev1.Namespace:
	}
	if o, ok := object.(metav1.Object); ok {
		m.namespaces[o.GetNamespace()] = true
	}
}

// forEach runs f as a subtest with the manifests of every kustomization.
func forEach(t *testing.T, f func(t *testing.T, m *manifests)) {
	for _, name := range []string{"edge", "single", "example"} {
		t.Run(name, func(t *testing.T) { f(t, buildManifests(t, "../kubernetes/"+name)) })
	}
}

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
		delete(m.namespaces, "")
		if len(m.namespaces) != 1 {
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
	secrets := []string{"originwarden-tls", "originwarden-etcd"} // created by the operator, see deploy/README.md
	forEach(t, func(t *testing.T, m *manifests) {
		pod := &m.workloads[0].template.Spec
		volumes := map[string]bool{}
		for _, v := range pod.Volumes {
			volumes[v.Name] = true
			if v.ConfigMap != nil && (m.configs[v.ConfigMap.Name] == nil || m.configs[v.ConfigMap.Name].Data["originwarden.yaml"] == "") {
				t.Errorf("volume %s: the ConfigMap %s has no originwarden.yaml", v.Name, v.ConfigMap.Name)
			}
			if v.Secret != nil && !slices.Contains(secrets, v.Secret.SecretName) {
				t.Errorf("unexpected Secret %s", v.Secret.SecretName)
			}
		}
		for _, claim := range m.workloads[0].claims {
			volumes[claim.Name] = true
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
		for _, rule := range m.policies[0].Spec.Ingress {
			switch port := containerPort(container, *rule.Ports[0].Port); {
			case len(rule.From) == 0:
				expectPort("NetworkPolicy rule without from", port, tenants)
			default:
				expectPort("NetworkPolicy rule with from", port, admin)
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
	for _, config := range m.configs {
		if err := yaml.Unmarshal([]byte(config.Data["originwarden.yaml"]), &cfg); err != nil {
			t.Fatal(err)
		}
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

// drainSeconds is the default of timeouts.drain.
const drainSeconds = 10

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
		if grace <= preStop+drainSeconds {
			t.Errorf("termination grace period %d s, want more than a preStop of %d s and a drain of %d s", grace, preStop, drainSeconds)
		}
		container := gatewayContainer(t, pod)
		if r := container.Resources; r.Requests.Memory().Cmp(*r.Limits.Memory()) >= 0 || r.Requests.Memory().IsZero() {
			t.Errorf("GOMEMLIMIT (the requested memory) is %s, want less than the limit of %s", r.Requests.Memory(), r.Limits.Memory())
		}
	})
}
