package deploy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// schema is the part of a JSON schema that names keys.
type schema struct {
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
}

func readYAML(t *testing.T, file string) (document map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// keys returns the paths of the keys of a document, with [] for the elements of a
// list.
func keys(document any, path string) (paths []string) {
	switch d := document.(type) {
	case map[string]any:
		for key, value := range d {
			below := strings.TrimPrefix(path+"."+key, ".")
			paths = append(append(paths, below), keys(value, below)...)
		}
	case []any:
		for _, element := range d {
			paths = append(paths, keys(element, path+"[]")...)
		}
	}
	return paths
}

// keys returns the paths of the properties, like keys of a document that has them all.
func (s *schema) keys(root *schema, path string) (paths []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return root.Defs[name].keys(root, path)
	}
	for key, property := range s.Properties {
		below := strings.TrimPrefix(path+"."+key, ".")
		paths = append(append(paths, below), property.keys(root, below)...)
	}
	if s.Items != nil {
		paths = append(paths, s.Items.keys(root, path+"[]")...)
	}
	return paths
}

// One version is that of the changelog, the chart and the image. The workflow names the
// image by the tag of the repository without its v, and the chart by appVersion.
func TestChart_NamesTheImageThatIsReleased(t *testing.T) {
	version, _ := readYAML(t, "helm/originwarden/Chart.yaml")["appVersion"].(string)
	workflow := readText(t, "../.github/workflows/release.yml")
	for _, row := range []struct{ file, text, want string }{
		{"CHANGELOG.md", readText(t, "../CHANGELOG.md"), "\n## " + version + " - "},
		{"Chart.yaml", readText(t, "helm/originwarden/Chart.yaml"), "\nversion: " + version + "\n"},
		{"Chart.yaml of the example", readText(t, "helm/example/Chart.yaml"), "\n    version: " + version + "\n"},
		{"release.yml", workflow, `echo "version=${GITHUB_REF_NAME#v}" >>"$GITHUB_OUTPUT"`},
		{"release.yml", workflow, "tags: ${{ steps.names.outputs.image }}:${{ steps.names.outputs.version }}\n"},
	} {
		if !strings.Contains(row.text, row.want) {
			t.Errorf("%s lacks %q", row.file, row.want)
		}
	}
	files, err := filepath.Glob("helm/originwarden/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	for _, file := range files {
		image, _ := readYAML(t, file)["image"].(map[string]any)
		if tag, ok := image["tag"]; ok && tag != version {
			t.Errorf("%s has the tag %v, want %s", file, tag, version)
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chartSets are the keys of the configuration that the chart sets itself.
var chartSets = regexp.MustCompile(`^(listen|tls|admin\.listen|decide\.tls|store\.etcd|cache\.snapshot_dir)($|\.)`)

// exampleOmits are keys that the example configuration has only in comments, or as
// keys of another section.
var exampleOmits = regexp.MustCompile(`^(defaults\.|tenants\[\]\.cors\.|api\.tokens\[\])`)

// A new key of the configuration belongs into config of values.schema.json.
func TestChart_SchemaHasKeysOfConfiguration(t *testing.T) {
	text, err := os.ReadFile("helm/originwarden/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root schema
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	known := root.Properties["config"].keys(&root, "")
	example := keys(readYAML(t, "../config.example.yaml"), "")
	for _, key := range example {
		if !chartSets.MatchString(key) && !slices.Contains(known, key) {
			t.Errorf("values.schema.json lacks config.%s", key)
		}
	}
	for _, key := range known {
		if chartSets.MatchString(key) || !exampleOmits.MatchString(key) && !slices.Contains(example, key) {
			t.Errorf("values.schema.json has config.%s, which is not for the operator", key)
		}
	}
	for key := range root.Properties["config"].Properties["tenants"].Items.Properties {
		if _, ok := root.Properties["config"].Properties["defaults"].Properties[key]; !ok && key != "id" && key != "ids_file" {
			t.Errorf("values.schema.json lacks config.defaults.%s", key)
		}
	}
}

// TestChart_DocumentsEveryValue checks the table of the chart's README: a value, or the
// value that contains it, has a row, which has the default.
func TestChart_DocumentsEveryValue(t *testing.T) {
	text, err := os.ReadFile("helm/originwarden/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Values\n")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*?) ?\\|").FindAllStringSubmatch(section, -1) {
		rows[row[1]] = strings.Trim(row[2], "`")
	}
	defaults := flatten(readYAML(t, "helm/originwarden/values.yaml"), "")
	for path, value := range defaults {
		documented := false
		for prefix := path; prefix != ""; prefix = prefix[:max(0, strings.LastIndex(prefix, "."))] {
			_, ok := rows[prefix]
			documented = documented || ok
		}
		if !documented {
			t.Errorf("README.md has no row for %s", path)
		}
		if row, ok := rows[path]; ok && isScalar(value) && row != fmt.Sprint(value) {
			t.Errorf("README.md has the default %q of %s, want %q", row, path, fmt.Sprint(value))
		}
	}
	for path := range rows {
		if !strings.HasPrefix(path, "originwarden.") && !slices.ContainsFunc(slices.Collect(maps.Keys(defaults)), func(known string) bool { return known == path || strings.HasPrefix(known, path+".") }) {
			t.Errorf("README.md has a row for %s, which is no value", path)
		}
	}
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// flatten returns the values that contain no others, by path.
func flatten(document map[string]any, path string) map[string]any {
	all := map[string]any{}
	for key, value := range document {
		below := strings.TrimPrefix(path+"."+key, ".")
		if m, ok := value.(map[string]any); ok && len(m) > 0 {
			maps.Copy(all, flatten(m, below))
		} else {
			all[below] = value
		}
	}
	return all
}
