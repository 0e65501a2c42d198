package check

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	v1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// manifests are the objects that the chart renders.
type manifests struct {
	workloads   []workload
	services    []*corev1.Service // of the tenants' address
	admins      []*corev1.Service // of the admin address
	questions   []*corev1.Service // of decide.listen
	budgets     []*policyv1.PodDisruptionBudget
	policies    []*networkingv1.NetworkPolicy
	ingresses   []*networkingv1.Ingress
	routes      []*gatewayv1.HTTPRoute
	scalers     []*autoscalingv2.HorizontalPodAutoscaler
	monitors    []*monitoringv1.ServiceMonitor
	podMonitors []*monitoringv1.PodMonitor
	rules       []*monitoringv1.PrometheusRule
	configs     map[string]*corev1.ConfigMap // with a configuration
	dashboards  []*corev1.ConfigMap
	claims      map[string]*corev1.PersistentVolumeClaim
	accounts    map[string]*corev1.ServiceAccount
	namespaces  map[string]bool
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	name     string
	replicas *int32
	selector *metav1.LabelSelector
	template *corev1.PodTemplateSpec
	strategy v1.DeploymentStrategy
}

// buildManifests renders the chart with the values of a file in ci, or the example,
// and decodes and validates every object. An unknown or repeated field is an error.
func buildManifests(t *testing.T, variant string, patches ...string) *manifests {
	t.Helper()
	return manifestsOf(t, variant, renderVariant(t, variant, patches...))
}

// manifestsOf decodes and validates every object of rendered templates.
func manifestsOf(t *testing.T, name string, rendered map[string]string) *manifests {
	t.Helper()
	m := &manifests{
		configs: map[string]*corev1.ConfigMap{}, claims: map[string]*corev1.PersistentVolumeClaim{},
		accounts: map[string]*corev1.ServiceAccount{}, namespaces: map[string]bool{},
	}
	for _, object := range decode(t, rendered) {
		m.add(t, object)
		for _, problem := range validate(t, object) {
			t.Errorf("%s: %T: %v", name, object, problem)
		}
	}
	return m
}

// decode decodes the objects of rendered templates.
func decode(t *testing.T, rendered map[string]string) (objects []runtime.Object) {
	t.Helper()
	decoder := newDecoder(t)
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(rendered[name])))
		for {
			text, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			object, _, err := decoder.Decode(text, nil, nil)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
				continue
			}
			objects = append(objects, object)
		}
	}
	return objects
}

// newDecoder returns a decoder for the types of Kubernetes, of the Prometheus operator
// and of the Gateway API.
func newDecoder(t *testing.T) runtime.Decoder {
	t.Helper()
	for _, add := range []func(*runtime.Scheme) error{monitoringv1.AddToScheme, gatewayv1.Install} {
		if err := add(legacyscheme.Scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
}

func (m *manifests) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *v1.Deployment:
		m.workloads = append(m.workloads, workload{o.Name, o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template, o.Spec.Strategy})
	case *v1.StatefulSet:
		m.workloads = append(m.workloads, workload{o.Name, o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template, v1.DeploymentStrategy{}})
	case *corev1.Service:
		switch o.Labels["app.kubernetes.io/component"] {
		case "admin":
			m.admins = append(m.admins, o)
		case "decide":
			m.questions = append(m.questions, o)
		default:
			m.services = append(m.services, o)
		}
	case *corev1.ConfigMap:
		if o.Data["originwarden.json"] != "" {
			m.dashboards = append(m.dashboards, o)
		} else {
			m.configs[o.Name] = o
		}
	case *corev1.PersistentVolumeClaim:
		m.claims[o.Name] = o
	case *corev1.ServiceAccount:
		m.accounts[o.Name] = o
	case *policyv1.PodDisruptionBudget:
		m.budgets = append(m.budgets, o)
	case *networkingv1.NetworkPolicy:
		m.policies = append(m.policies, o)
	case *networkingv1.Ingress:
		m.ingresses = append(m.ingresses, o)
	case *gatewayv1.HTTPRoute:
		m.routes = append(m.routes, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		m.scalers = append(m.scalers, o)
	case *monitoringv1.ServiceMonitor:
		m.monitors = append(m.monitors, o)
	case *monitoringv1.PodMonitor:
		m.podMonitors = append(m.podMonitors, o)
	case *monitoringv1.PrometheusRule:
		m.rules = append(m.rules, o)
	default:
		t.Errorf("unexpected %T", object)
	}
	m.namespaces[object.(metav1.Object).GetNamespace()] = true
}

// config returns the gateway's configuration, and the name of its ConfigMap.
func (m *manifests) config(t *testing.T) (name, text string) {
	t.Helper()
	for name, config := range m.configs {
		return name, config.Data["originwarden.yaml"]
	}
	t.Fatal("no configuration")
	return "", ""
}

// forEach runs f as a subtest with the manifests of every variant and the example.
func forEach(t *testing.T, f func(t *testing.T, m *manifests)) {
	for _, variant := range append(variants(t), "example") {
		t.Run(variant, func(t *testing.T) { f(t, buildManifests(t, variant)) })
	}
}
