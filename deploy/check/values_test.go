package check

import (
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

// badValues are mistakes in values, and what the schema says about them.
var badValues = []struct {
	name    string
	variant string // whose values are changed
	patch   string
	message string
}{
	{"misspelt key", "fleet", "replica: 2", "additional properties 'replica' not allowed"},
	{"misspelt key below", "fleet", "image: {repo: x}", "at '/image': additional properties 'repo' not allowed"},
	{"unknown mode", "fleet", "mode: edge", "at '/mode': value must be one of"},
	{"no tenant", "fleet", "config: {tenants: []}", "at '/config/tenants': minItems: got 0, want 1"},
	{"tenant without id", "fleet", "config: {tenants: [{hosts: [a.example]}]}", "at '/config/tenants/0': missing property 'id'"},
	{"misspelt key of the configuration", "fleet", "config: {timeouts: {drian: 5s}}", "at '/config/timeouts': additional properties 'drian' not allowed"},
	{"misspelt key of a tenant", "fleet", "config: {tenants: [{id: a, upstrem: x}]}", "at '/config/tenants/0': additional properties 'upstrem' not allowed"},
	{"key that the chart sets", "fleet", "config: {listen: 0.0.0.0:80}", "at '/config': additional properties 'listen' not allowed"},
	{"unknown value of the configuration", "fleet", "config: {tenants: [{id: a, mode: block}]}", "at '/config/tenants/0/mode': value must be one of"},
	{"duration without a unit", "fleet", "config: {timeouts: {idle: 90}}", "at '/config/timeouts/idle'"},
	{"drain that is not whole seconds", "fleet", "config: {timeouts: {drain: 1.5s}}", "at '/config/timeouts/drain'"},
	{"size with an unknown unit", "fleet", "config: {limits: {url_bytes: 16KB}}", "at '/config/limits/url_bytes'"},
	{"nobody may use the API", "fleet", "config: {api: {tokens: []}}", "at '/config/api/tokens': minItems: got 0, want 1"},
	{"token instead of its hash", "fleet", "config: {api: {tokens: [{subject: a, tenant: a, role: admin, sha256: secret}]}}", "at '/config/api/tokens/0/sha256'"},
	{"fleet without etcd", "fleet", `config: {store: {url: ""}}`, "at '/config/store/url'"},
	{"fleet on SQLite", "fleet", "config: {store: {url: 'sqlite:lists.db'}}", "at '/config/store/url'"},
	{"etcd without a port", "fleet", "config: {store: {url: 'etcd://etcd.svc/originwarden'}}", "at '/config/store/url'"},
	{"single gateway on etcd", "single", "config: {store: {url: 'etcd://etcd.svc:2379'}}", "at '/config/store/url': value must be ''"},
	{"certificate of etcd without a key", "fleet", "etcd: {certKey: tls.crt}", "at '/etcd/keyKey'"},
	{"password of nobody", "fleet", `etcd: {username: ""}`, "at '/etcd/username'"},
	{"Secret instead of its name", "fleet", "tls: {secretNames: [{name: x}]}", "at '/tls/secretNames/0'"},
	{"Secret twice", "fleet", "tls: {secretNames: [a, a]}", "at '/tls/secretNames'"},
	{"number as a string", "fleet", `replicas: "3"`, "at '/replicas': got string, want integer"},
	{"no replica", "fleet", "replicas: 0", "at '/replicas': minimum: got 0, want 1"},
	{"digest without its algorithm", "fleet", "image: {digest: '1234'}", "at '/image/digest'"},
	{"label that selects the pods", "fleet", "podLabels: {app.kubernetes.io/name: x}", "at '/podLabels/app.kubernetes.io"},
	{"annotation that the chart sets", "fleet", "podAnnotations: {checksum/config: x}", "at '/podAnnotations/checksum"},
	{"no memory limit", "fleet", "resources: {limits: {memory: null}}", "at '/resources/limits': missing property 'memory'"},
	{"memory in an unknown unit", "fleet", "resources: {limits: {memory: 512MB}}", "at '/resources/limits/memory'"},
	{"volume for many nodes", "single", "persistence: {accessMode: ReadWriteMany}", "at '/persistence/accessMode'"},
	{"unknown type of Service", "fleet", "service: {type: ExternalName}", "at '/service/type'"},
	{"Ingress without a host", "fleet", "ingress: {enabled: true}", "at '/ingress/hosts': minItems: got 0, want 1"},
	{"HTTPRoute without a gateway", "fleet", "httpRoute: {enabled: true, hostnames: [a.example]}", "at '/httpRoute/parentRefs'"},
	{"HTTPRoute without a host", "fleet", "httpRoute: {enabled: true, parentRefs: [{name: a}]}", "at '/httpRoute/hostnames'"},
	{"peer with a misspelt key", "fleet", "networkPolicy: {clients: [{namespaceSelectors: {}}]}", "at '/networkPolicy/clients/0'"},
	{"peer that may ask with a misspelt key", "decide", "networkPolicy: {decide: [{podSelectors: {}}]}", "at '/networkPolicy/decide/0'"},
	{"address where proxies ask without a port", "fleet", "config: {decide: {listen: 0.0.0.0}}", "at '/config/decide/listen'"},
	{"address where proxies ask with the name of a port", "fleet", "config: {decide: {listen: '0.0.0.0:decide'}}", "at '/config/decide/listen'"},
	{"address where proxies ask at any port", "fleet", "config: {decide: {listen: '0.0.0.0:0'}}", "at '/config/decide/listen'"},
	{"address where proxies ask at an impossible port", "fleet", "config: {decide: {listen: '0.0.0.0:65536'}}", "at '/config/decide/listen'"},
	{"unknown dialect", "decide", "config: {decide: {dialect: haproxy}}", "at '/config/decide/dialect': value must be one of"},
	{"certificate for proxies that the chart sets", "decide", "config: {decide: {tls: {cert: a}}}", "at '/config/decide': additional properties 'tls' not allowed"},
	{"certificate for proxies that cannot ask", "fleet", "decide: {secretName: a}", "at '/decide/secretName': maxLength: got 1, want 0"},
	{"authorities of proxies without a certificate", "decide", "decide: {secretName: ''}", "at '/decide/clientCASecretName': maxLength: got 10, want 0"},
	{"authorities of proxies without a key of their Secret", "decide", "decide: {clientCAKey: ''}", "at '/decide/clientCAKey'"},
	{"misspelt key for proxies", "decide", "decide: {secret: a}", "at '/decide': additional properties 'secret' not allowed"},
	{"alerts without runbooks", "fleet", "monitoring: {rules: {enabled: true}}", "at '/monitoring/rules/runbooks'"},
	{"runbooks that are no URL", "fleet", "monitoring: {rules: {enabled: true, runbooks: docs}}", "at '/monitoring/rules/runbooks'"},
	{"runbooks that end a line", "fleet", `monitoring: {rules: {enabled: true, runbooks: "https://x.example/a\nb"}}`, "at '/monitoring/rules/runbooks'"},
	{"job that no alert selects", "fleet", "monitoring: {job: gateways}", "at '/monitoring/job'"},
}

func TestChart_RejectsBadValues(t *testing.T) {
	loaded := loadChart(t, chartDir)
	for _, row := range badValues {
		t.Run(row.name, func(t *testing.T) {
			given := readValues(t, row.variant, row.patch)
			if _, err := render(loaded, "originwarden", given); err == nil || !strings.Contains(err.Error(), row.message) {
				t.Errorf("helm template: %v, want %q", err, row.message)
			}
			if found := problems(chartDir, given); !strings.Contains(strings.Join(found, "\n"), row.message) {
				t.Errorf("helm lint: %q, want %q", found, row.message)
			}
		})
	}
}

// The schema takes the values of every key of the configuration.
func TestChart_AcceptsExampleConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config values
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"listen", "tls"} { // which the chart sets
		delete(config, key)
	}
	delete(config["admin"].(values), "listen")
	delete(config["decide"].(values), "tls")
	delete(config["cache"].(values), "snapshot_dir")
	delete(config["store"].(values), "etcd")
	delete(config["tenants"].([]any)[0].(values), "ids_file")
	delete(config["store"].(values), "url")
	delete(config["api"].(values), "tokens") // none
	if _, err := render(loadChart(t, chartDir), "originwarden", loader.MergeMaps(readValues(t, "fleet"), values{"config": config})); err != nil {
		t.Error(err)
	}
}

// The defaults lack what only the operator knows. The error names it.
func TestChart_NamesRequiredValues(t *testing.T) {
	_, err := render(loadChart(t, chartDir), "originwarden", values{})
	if err == nil {
		t.Fatal("the defaults are accepted")
	}
	for _, key := range []string{"/config/tenants", "/config/api", "/config/store/url"} {
		if !strings.Contains(err.Error(), "at '"+key+"'") {
			t.Errorf("%v, want %s in it", err, key)
		}
	}
}

// What a schema cannot compare is an error of the templates.
func TestChart_RejectsValuesThatContradict(t *testing.T) {
	rows := []struct{ patch, message string }{
		{loopback, "config.decide.listen: the Service does not reach 127.0.0.1:9191 in the pods: use 0.0.0.0:9191"},
		{"mode: single\nconfig: {store: {url: ''}, decide: {listen: '[::1]:9191'}}", "the Service does not reach [::1]:9191"},
		{"config: {decide: {listen: 'localhost:7000'}}", "the Service does not reach localhost:7000 in the pods: use 0.0.0.0:7000"},
		{"config: {decide: {listen: '10.0.0.5:9191'}}", "the Service does not reach 10.0.0.5:9191"},
		{"config: {decide: {listen: '0.0.0.0.example:9191'}}", "the Service does not reach 0.0.0.0.example:9191"},
		{"mode: sidecar\n" + asked, "config.decide.listen: a sidecar is asked in its own pod: 0.0.0.0:9191 is not a loopback address"},
		{"mode: sidecar\nconfig: {decide: {listen: ':9191'}}", "a sidecar is asked in its own pod: :9191"},
		{"mode: sidecar\nconfig: {decide: {listen: '127.0.0.1.example:9191'}}", "a sidecar is asked in its own pod: 127.0.0.1.example:9191"},
		{"config: {decide: {listen: '0.0.0.0:9090'}}", "config.decide.listen: 9090 is the port of the admin address"},
		{"config: {decide: {listen: ':8443'}}", "config.decide.listen: 8443 is the port of the tenants"},
		{"mode: sidecar\nsidecar: {port: 9191}\n" + loopback, "config.decide.listen: 9191 is the port of the tenants"},
		{"resources: {limits: {memory: 448Mi}}", "the requested memory is GOMEMLIMIT, and must be less than the limit"},
		{"autoscaling: {enabled: true, minReplicas: 5, maxReplicas: 4}", "minReplicas is greater than maxReplicas"},
	}
	for _, row := range rows {
		if _, err := render(loadChart(t, chartDir), "originwarden", readValues(t, "fleet", row.patch)); err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: %v, want %q", row.patch, err, row.message)
		}
	}
}

// Large numbers keep their digits, and what the chart sets wins over the values.
func TestChart_WritesConfiguration(t *testing.T) {
	var cfg struct {
		Listen string
		TLS    struct {
			Cert  string
			Certs []struct{ Cert, Key string }
		}
		Store struct {
			URL    string
			Create string
			Etcd   map[string]string
		}
		Cache struct {
			Origins     int
			SnapshotDir string `json:"snapshot_dir"`
		}
	}
	_, config := buildManifests(t, "fleet-all").config(t)
	if err := yaml.Unmarshal([]byte(config), &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Cache.Origins != 5000000 || !strings.Contains(config, "origins: 5000000\n") || cfg.Store.Create != "never" {
		t.Errorf("the values are not in the configuration:\n%s", config)
	}
	if cfg.Listen != "0.0.0.0:8443" || cfg.Cache.SnapshotDir == "" || len(cfg.TLS.Certs) != 1 || cfg.TLS.Cert == cfg.TLS.Certs[0].Cert || cfg.Store.Etcd["cert"] == "" {
		t.Errorf("the chart's keys are not in the configuration:\n%s", config)
	}
	for variant, url := range map[string]string{"fleet": "etcd://etcd.etcd.svc:2379/originwarden", "single": "sqlite:/var/lib/originwarden/lists.db"} {
		_, config := buildManifests(t, variant).config(t)
		if !strings.Contains(config, "  create: auto\n") || !strings.Contains(config, "  url: "+url+"\n") {
			t.Errorf("%s: want create: auto and the url %s in\n%s", variant, url, config)
		}
	}
}
