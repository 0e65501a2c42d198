package check

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	ci "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/engine"
	v1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// objects returns what the chart renders, by kind and name.
func objects(t *testing.T, rendered map[string]string) map[string]runtime.Object {
	t.Helper()
	all := map[string]runtime.Object{}
	for _, object := range decode(t, rendered) {
		all[fmt.Sprintf("%T %s", object, object.(metav1.Object).GetName())] = object
	}
	return all
}

// podTemplate returns the template of the one workload.
func podTemplate(t *testing.T, all map[string]runtime.Object) *corev1.PodTemplateSpec {
	t.Helper()
	for _, object := range all {
		switch o := object.(type) {
		case *v1.Deployment:
			return &o.Spec.Template
		case *v1.StatefulSet:
			return &o.Spec.Template
		}
	}
	t.Fatal("no workload")
	return nil
}

func TestUpgrade_ChangesEveryValueInPlace(t *testing.T) {
	rows := []struct {
		name    string
		variant string
		patch   string
		rolls   bool // whether the pods are replaced
	}{
		{name: "nothing", variant: "fleet", patch: ""},
		{name: "another tenant", variant: "fleet", patch: "config: {tenants: [{id: b, hosts: [b.example], upstream: 'http://b:1'}]}", rolls: true},
		{name: "another image", variant: "fleet", patch: "image: {tag: 1.1.0}", rolls: true},
		{name: "more gateways", variant: "fleet", patch: "replicas: 5"},
		{name: "autoscaling", variant: "fleet", patch: "autoscaling: {enabled: true}"},
		{name: "another certificate", variant: "fleet", patch: "tls: {secretNames: [a, b]}", rolls: true},
		{name: "TLS ends elsewhere", variant: "fleet", patch: "tls: {secretNames: []}", rolls: true},
		{name: "labels of the pods", variant: "fleet", patch: "podLabels: {team: edge}", rolls: true},
		{name: "another Service", variant: "fleet", patch: "service: {type: ClusterIP}"},
		{name: "monitoring", variant: "fleet", patch: "monitoring: {enabled: true}"},
		{name: "proxies ask", variant: "fleet", patch: asked, rolls: true},
		{name: "another proxy may ask", variant: "decide", patch: mayAsk},
		{name: "another authority of proxies", variant: "decide", patch: "decide: {clientCASecretName: other}", rolls: true},
		{name: "another policy", variant: "fleet", patch: "networkPolicy: {clients: [{podSelector: {}}]}"},
		{name: "a larger volume", variant: "single", patch: "persistence: {size: 2Gi}"},
		{name: "another tenant of a single gateway", variant: "single", patch: "config: {tenants: [{id: b, hosts: [b.example], upstream: 'http://b:1'}]}", rolls: true},
		{name: "resources of a single gateway", variant: "single", patch: "resources: {limits: {memory: 1Gi}}", rolls: true},
		{name: "an Ingress for a single gateway", variant: "single", patch: "ingress: {enabled: true, hosts: [acme.example.com]}"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			before := objects(t, renderVariant(t, row.variant))
			after := objects(t, renderVariant(t, row.variant, row.patch))
			compared := 0
			for name, object := range after {
				if old := before[name]; old != nil {
					compared++
					for _, problem := range validateUpdate(t, object, old) {
						t.Errorf("%s: %v", name, problem)
					}
				}
			}
			if compared < 4 {
				t.Errorf("%d objects have the same names as before", compared)
			}
			old, updated := podTemplate(t, before), podTemplate(t, after)
			if rolls := !equality.Semantic.DeepEqual(old, updated); rolls != row.rolls {
				t.Errorf("the pods are replaced: %v, want %v", rolls, row.rolls)
			}
		})
	}
}

// Autoscaling begins with the gateways that run, and not with one.
func TestUpgrade_KeepsGatewaysWhenAutoscalingBegins(t *testing.T) {
	cluster := httptest.NewServer(clusterWith(`{"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 7}}`))
	defer cluster.Close()
	given := readValues(t, "fleet", "autoscaling: {enabled: true}")
	rendered, err := renderWith(loadChart(t, chartDir), "originwarden", given, func(c ci.Charter, v common.Values) (map[string]string, error) {
		return engine.RenderWithClient(c, v, &rest.Config{Host: cluster.URL})
	})
	if err != nil {
		t.Fatal(err)
	}
	deployment := objects(t, rendered)["*v1.Deployment originwarden"].(*v1.Deployment)
	if replicas := deployment.Spec.Replicas; replicas == nil || *replicas != 7 {
		t.Errorf("the Deployment has the replicas %v, want the 7 that it had", replicas)
	}
}

// clusterWith answers as the Kubernetes API of a cluster where the release has this
// Deployment.
func clusterWith(deployment string) http.Handler {
	answers := http.NewServeMux()
	for path, body := range map[string]string{
		"GET /apis/apps/v1": `{"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": true}]}`,
		"GET /apis/apps/v1/namespaces/gateways/deployments/originwarden": deployment,
	} {
		answers.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		})
	}
	return answers
}

// A newer chart and gateway keep the names and what selects the pods.
func TestUpgrade_KeepsSelectorsOfAnOlderChart(t *testing.T) {
	for _, variant := range variants(t) {
		older, newer := loadChart(t, chartDir), loadChart(t, chartDir)
		newer.Metadata.Version, newer.Metadata.AppVersion = "7.8.9", "7.8.9"
		given := readValues(t, variant)
		renderedBefore, err := render(older, "originwarden", given)
		if err != nil {
			t.Fatal(err)
		}
		renderedAfter, err := render(newer, "originwarden", given)
		if err != nil {
			t.Fatal(err)
		}
		before, after := objects(t, renderedBefore), objects(t, renderedAfter)
		for name, object := range after {
			if before[name] == nil {
				t.Errorf("%s: %s has another name", variant, name)
				continue
			}
			for _, problem := range validateUpdate(t, object, before[name]) {
				t.Errorf("%s: %s: %v", variant, name, problem)
			}
		}
		if !maps.Equal(podTemplate(t, before).Labels, podTemplate(t, after).Labels) {
			t.Errorf("%s: the version is among the labels of the pods", variant)
		}
	}
}

// Two releases in one namespace have nothing in common.
func TestReleases_ShareNoObject(t *testing.T) {
	rendered := map[string]map[string]runtime.Object{}
	selectors := map[string]map[string]string{}
	for _, release := range []string{"east", "west"} {
		all, err := render(loadChart(t, chartDir), release, readValues(t, "fleet-all"))
		if err != nil {
			t.Fatal(err)
		}
		rendered[release] = objects(t, all)
		for _, object := range rendered[release] {
			if o, ok := object.(*v1.Deployment); ok {
				selectors[release] = o.Spec.Selector.MatchLabels
			}
		}
	}
	for name := range rendered["east"] {
		if rendered["west"][name] != nil {
			t.Errorf("both have %s", name)
		}
	}
	if maps.Equal(selectors["east"], selectors["west"]) {
		t.Errorf("both select %v", selectors["east"])
	}
}
