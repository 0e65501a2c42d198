package check

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ci "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/originwarden"

// values are the values of a chart.
type values = map[string]any

// readValues returns the values in a file of the chart's folder ci, without its
// ending, overridden by patches in YAML.
func readValues(t *testing.T, variant string, patches ...string) values {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "ci", variant+"-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := values{}
	for _, part := range append([]string{string(text)}, patches...) {
		var patch values
		if err := yaml.UnmarshalStrict([]byte(part), &patch); err != nil {
			t.Fatalf("%v\n%s", err, part)
		}
		all = loader.MergeMaps(all, patch)
	}
	return all
}

// variants returns the names of the files of values in the chart's folder ci.
func variants(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files of values: %v", len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), "-values.yaml")
	}
	return files
}

func loadChart(t *testing.T, dir string) *chart.Chart {
	t.Helper()
	loaded, err := loader.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// exampleChart returns a copy of the example, with its dependency as
// `helm dependency build` leaves it.
func exampleChart(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for _, args := range [][]string{{"../helm/example", dir}, {chartDir, filepath.Join(dir, "charts", "originwarden")}} {
		if err := os.MkdirAll(filepath.Dir(args[1]), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-rL", args[0], args[1]).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

// render renders all templates of a chart as `helm template` does.
func render(loaded *chart.Chart, release string, given values) (map[string]string, error) {
	return renderWith(loaded, release, given, engine.Render)
}

// renderWith renders all templates of a chart with one of the functions of helm.
func renderWith(loaded *chart.Chart, release string, given values, render func(ci.Charter, common.Values) (map[string]string, error)) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(loaded, given); err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: "gateways", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(loaded, given, options, nil)
	if err != nil {
		return nil, err
	}
	return render(loaded, all)
}

// renderVariant renders the chart with the values of a file in ci, or the example, as
// the release originwarden.
func renderVariant(t *testing.T, variant string, patches ...string) map[string]string {
	t.Helper()
	dir, given := chartDir, values{}
	if variant == "example" {
		dir = exampleChart(t)
	} else {
		given = readValues(t, variant, patches...)
	}
	rendered, err := render(loadChart(t, dir), "originwarden", given)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// problems returns what helm lint reports, without recommendations such as an icon.
func problems(dir string, given values) (found []string) {
	for _, message := range lint.RunAll(dir, given, "gateways").Messages {
		if message.Severity > support.InfoSev {
			found = append(found, message.Error())
		}
	}
	return found
}

func TestChart_PassesLint(t *testing.T) {
	for _, variant := range variants(t) {
		for _, problem := range problems(chartDir, readValues(t, variant)) {
			t.Errorf("%s: %s", variant, problem)
		}
	}
	for _, problem := range problems(exampleChart(t), values{}) {
		t.Errorf("example: %s", problem)
	}
}

func TestChart_RendersTheSameTwice(t *testing.T) {
	for _, variant := range append(variants(t), "example") {
		if !maps.Equal(renderVariant(t, variant), renderVariant(t, variant)) {
			t.Errorf("%s: two renderings differ", variant)
		}
	}
}

// The alerts and the dashboard are links to the files of deploy, so that there is one
// of each. A package contains the files themselves.
func TestChart_PackagesAlertsAndDashboard(t *testing.T) {
	archive, err := chartutil.Save(loadChart(t, chartDir), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packaged, err := loader.LoadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, file := range packaged.Files {
		contents[file.Name] = string(file.Data)
	}
	for name, source := range map[string]string{"files/alerts.yml": "../prometheus/rules/originwarden.yml", "files/dashboard.json": "../grafana/originwarden.json"} {
		if want, err := os.ReadFile(source); err != nil || contents[name] != string(want) {
			t.Errorf("%s in the package is not %s (%v)", name, source, err)
		}
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(contents)), func(name string) bool { return strings.HasPrefix(name, "ci/") }) {
		t.Error("the package contains the values of the tests")
	}
}

func TestChart_TakesKubernetesFrom130(t *testing.T) {
	constraint := loadChart(t, chartDir).Metadata.KubeVersion
	for version, want := range map[string]bool{"v1.29.9": false, "v1.30.0": true, "v1.30.5-gke.1": true, "v1.34.1": true} {
		if got := chartutil.IsCompatibleRange(constraint, version); got != want {
			t.Errorf("%s: %v, want %v", version, got, want)
		}
	}
}

func TestChart_NotesSayWhatToDoNext(t *testing.T) {
	rows := []struct {
		variant, patch string
		want           string
		absent         string
	}{
		{variant: "fleet", want: "must exist, or the pods wait for them: originwarden-tls, originwarden-etcd."},
		{variant: "fleet", want: "rollout status deployment/originwarden"},
		{variant: "fleet", want: "set config.store.create to never"},
		{variant: "fleet", want: "--server https://acme.example.com"},
		{variant: "fleet", patch: "config: {store: {create: never}}", want: "Next:", absent: "config.store.create"},
		{variant: "fleet-all", want: "originwarden-tls, example-tls, originwarden-etcd, console."},
		{variant: "single", want: "rollout status statefulset/originwarden"},
		{variant: "decide", want: "originwarden-tls, originwarden-etcd, originwarden-decide, proxies-ca."},
		{variant: "decide", want: "originwarden-decide.gateways.svc.cluster.local:9191", absent: "networkPolicy.decide"},
		{variant: "fleet", patch: asked, want: "networkPolicy.decide is empty: nobody may ask"},
		{variant: "fleet", patch: asked + "\nnetworkPolicy: {enabled: false}", want: "every pod of the cluster may ask", absent: "networkPolicy.decide"},
		{variant: "decide", patch: "networkPolicy: {enabled: false}", want: "originwarden-decide.gateways.svc.cluster.local:9191", absent: "every pod"},
		{variant: "fleet", want: "Next:", absent: "decide"},
		{variant: "ingress", want: "Next:", absent: "config.trusted_proxies"},
		{variant: "ingress", patch: "config: {trusted_proxies: []}", want: "config.trusted_proxies is empty"},
	}
	for _, row := range rows {
		notes := renderVariant(t, row.variant, row.patch)["originwarden/templates/NOTES.txt"]
		if !strings.Contains(notes, row.want) || row.absent != "" && strings.Contains(notes, row.absent) {
			t.Errorf("%s with %s: want %q and not %q in\n%s", row.variant, row.patch, row.want, row.absent, notes)
		}
	}
}
