package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const (
	asked    = "config: {decide: {listen: '0.0.0.0:9191'}}"
	mayAsk   = "networkPolicy: {decide: [{namespaceSelector: {matchLabels: {team: edge}}}]}"
	loopback = "config: {decide: {listen: '127.0.0.1:9191'}}"
)

// decideConfig is the section decide of a rendered configuration.
type decideConfig struct {
	Listen string
	TLS    struct {
		Cert, Key string
		ClientCA  string `json:"client_ca"`
	}
}

func decideOf(t *testing.T, m *manifests) decideConfig {
	t.Helper()
	var cfg struct{ Decide decideConfig }
	_, text := m.config(t)
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	return cfg.Decide
}

// decideRules returns the rules of the NetworkPolicy for the port where proxies ask.
func decideRules(m *manifests) (rules []networkingv1.NetworkPolicyIngressRule) {
	for _, rule := range m.policies[0].Spec.Ingress {
		if slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			return p.Port.StrVal == "decide" || p.Port.IntVal == 9191
		}) {
			rules = append(rules, rule)
		}
	}
	return rules
}

func TestDecide_HasItsOwnServiceInTheCluster(t *testing.T) {
	rows := []struct {
		variant, patch string
		port           int32
		protocol       string // which a service mesh believes
	}{
		{"fleet", asked, 9191, "grpc"},
		{"single", asked, 9191, "grpc"},
		{"decide", "", 9191, "grpc"},
		{"fleet", "config: {decide: {listen: '[::]:7000', dialect: envoy}}", 7000, "grpc"},
		{"fleet", "config: {decide: {listen: ':7000', dialect: traefik}}", 7000, "http"},
		{"fleet", "config: {decide: {listen: '0.0.0.0:9191', dialect: nginx}}", 9191, "http"},
		{"fleet", "config: {decide: {listen: '0.0.0.0:9191', dialect: nginx}}\ndecide: {secretName: a}", 9191, "https"},
		{"decide", "config: {decide: {dialect: caddy}}", 9191, "https"},
	}
	for _, row := range rows {
		t.Run(row.variant+" "+row.patch, func(t *testing.T) {
			m := buildManifests(t, row.variant, row.patch)
			if len(m.questions) != 1 {
				t.Fatalf("%d Services for questions, want 1", len(m.questions))
			}
			service, pods := m.questions[0], m.workloads[0].template
			if service.Name != "originwarden-decide" || service.Spec.Type != corev1.ServiceTypeClusterIP {
				t.Errorf("Service %s of the type %s, want originwarden-decide of the type ClusterIP", service.Name, service.Spec.Type)
			}
			if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pods.Labels)) {
				t.Errorf("the Service selects %v, and the pods have %v", service.Spec.Selector, pods.Labels)
			}
			port := service.Spec.Ports[0]
			if len(service.Spec.Ports) != 1 || port.Port != row.port || port.AppProtocol == nil || *port.AppProtocol != row.protocol {
				t.Errorf("ports %+v, want %d for %s", service.Spec.Ports, row.port, row.protocol)
			}
			container := gatewayContainer(t, &pods.Spec)
			if got := containerPort(container, port.TargetPort); got != row.port || containerPort(container, intstr.FromString("decide")) != row.port {
				t.Errorf("the Service forwards to port %d of the container, want %d, named decide", got, row.port)
			}
			if listen := decideOf(t, m).Listen; !strings.HasSuffix(listen, fmt.Sprint(":", row.port)) {
				t.Errorf("the gateway listens at %q, want port %d", listen, row.port)
			}
			if ports := m.services[0].Spec.Ports; len(ports) != 1 || containerPort(container, ports[0].TargetPort) == row.port {
				t.Errorf("the tenants' Service, which may be a load balancer, has the ports %+v", ports)
			}
		})
	}
}

func TestDecide_IsReachableOnlyForPeersOfThePolicy(t *testing.T) {
	edge := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "edge"}}}
	for _, row := range []struct {
		name, variant string
		patches       []string
		want          []networkingv1.NetworkPolicyPeer // nil: nobody
	}{
		{"nobody is named", "fleet", []string{asked}, nil},
		{"nobody is named, and clients are", "fleet", []string{asked, "networkPolicy: {clients: [{podSelector: {}}]}"}, nil},
		{"peers are named", "fleet", []string{asked, mayAsk}, []networkingv1.NetworkPolicyPeer{edge}},
		{"peers of a single gateway", "single", []string{asked, mayAsk}, []networkingv1.NetworkPolicyPeer{edge}},
		{"peers without an address", "fleet", []string{mayAsk}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			rules := decideRules(buildManifests(t, row.variant, row.patches...))
			if row.want == nil {
				if len(rules) != 0 {
					t.Errorf("rules %+v, want none", rules)
				}
				return
			}
			if len(rules) != 1 || len(rules[0].Ports) != 1 || !equality.Semantic.DeepEqual(rules[0].From, row.want) {
				t.Errorf("rules %+v, want one from %+v", rules, row.want)
			}
		})
	}
}

func TestDecide_IsNowhereByDefault(t *testing.T) {
	for _, patch := range []string{"", "config: {decide: {listen: ''}}", "config: {decide: {dialect: nginx}}"} {
		m := buildManifests(t, "fleet", patch, mayAsk)
		container := gatewayContainer(t, &m.workloads[0].template.Spec)
		if len(m.questions) != 0 || len(container.Ports) != 2 {
			t.Errorf("%q: %d Services for questions and the ports %v, want none beside listen and admin", patch, len(m.questions), container.Ports)
		}
	}
}

func TestDecide_MountsCertificatesOfSecrets(t *testing.T) {
	const dir = "/run/secrets/originwarden/decide"
	for _, row := range []struct {
		values  string
		cert    string
		ca      string
		secrets map[string]string // by the directory where they are mounted
	}{
		{"{}", "", "", map[string]string{}},
		{"{secretName: a}", dir + "/tls/tls.crt", "", map[string]string{dir + "/tls": "a"}},
		{"{secretName: a, clientCASecretName: b}", dir + "/tls/tls.crt", dir + "/ca/ca.crt", map[string]string{dir + "/tls": "a", dir + "/ca": "b"}},
		{"{secretName: a, clientCASecretName: a, clientCAKey: ca.pem}", dir + "/tls/tls.crt", dir + "/ca/ca.pem", map[string]string{dir + "/tls": "a", dir + "/ca": "a"}},
		{"{secretName: originwarden-tls}", dir + "/tls/tls.crt", "", map[string]string{dir + "/tls": "originwarden-tls"}},
	} {
		m := buildManifests(t, "fleet", asked, "decide: "+row.values)
		cfg, mounted := decideOf(t, m).TLS, mountedBelow(&m.workloads[0].template.Spec, gatewayContainer(t, &m.workloads[0].template.Spec), dir)
		if cfg.Cert != row.cert || cfg.Key != strings.Replace(row.cert, ".crt", ".key", 1) || cfg.ClientCA != row.ca {
			t.Errorf("%s: decide.tls is %+v, want cert %q and client_ca %q", row.values, cfg, row.cert, row.ca)
		}
		if !equality.Semantic.DeepEqual(mounted, row.secrets) {
			t.Errorf("%s: Secrets %v, want %v", row.values, mounted, row.secrets)
		}
	}
}

// mountedBelow returns the names of the Secrets that a container mounts below dir, for
// reading only by the gateway's user.
func mountedBelow(pod *corev1.PodSpec, container *corev1.Container, dir string) map[string]string {
	names := map[string]string{}
	for _, mount := range container.VolumeMounts {
		for _, volume := range pod.Volumes {
			if strings.HasPrefix(mount.MountPath, dir) && mount.Name == volume.Name && mount.ReadOnly && *volume.Secret.DefaultMode == 0o440 {
				names[mount.MountPath] = volume.Secret.SecretName
			}
		}
	}
	return names
}

// The proxies of the app's own pod ask a sidecar.
func TestDecide_OfSidecarIsOnLoopback(t *testing.T) {
	var given values
	if err := yaml.Unmarshal([]byte("originwarden: {"+loopback+", "+mayAsk+"}"), &given); err != nil {
		t.Fatal(err)
	}
	rendered, err := render(loadChart(t, exampleChart(t)), "originwarden", given)
	if err != nil {
		t.Fatal(err)
	}
	m := manifestsOf(t, "example", rendered)
	container := gatewayContainer(t, &m.workloads[0].template.Spec)
	if len(m.questions) != 0 || len(decideRules(m)) != 0 || len(container.Ports) != 2 {
		t.Errorf("other pods can ask: Services %v, rules %v, ports %v", m.questions, decideRules(m), container.Ports)
	}
	if listen := decideOf(t, m).Listen; listen != "127.0.0.1:9191" {
		t.Errorf("the gateway listens at %q", listen)
	}
}
