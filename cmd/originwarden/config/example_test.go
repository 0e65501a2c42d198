package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"originwarden/cmd/originwarden/config"
)

const exampleFile = "../../../config.example.yaml"

func TestExample_HasDefaultValues(t *testing.T) {
	cfg, err := config.Load(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	least, err := config.Parse("c.yaml", []byte("tenants: [{id: acme, hosts: [acme.example.com], upstream: 'http://127.0.0.1:3000'}]"))
	if err != nil {
		t.Fatal(err)
	}
	// An explicit [] or {} is the same as an omitted key, except for public_origins.
	cfg.Tenants[0].PublicOrigins, cfg.Tenants[0].PostFromAnywhere = nil, nil
	cfg.Tenants[0].PublicPaths, cfg.Tenants[0].CORS = nil, nil
	cfg.TrustedProxies, cfg.API.Tokens, cfg.Admin.Hosts, cfg.TLS.Certs = nil, nil, nil, nil
	if !reflect.DeepEqual(cfg, least) {
		t.Errorf("got  %+v\nwant %+v", cfg, least)
	}
}

func TestExample_HasEveryKey(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	// The keys of list elements are in the example, or in the comment above an empty
	// list.
	uncommented := regexp.MustCompile(`(?m)^  #   (tokens:|certs:|  - \{)`).ReplaceAll(text, []byte("  $1"))
	uncommented = regexp.MustCompile(`(?m)^  (tokens|certs): \[\]$`).ReplaceAll(uncommented, nil)
	var document yaml.Node
	if err := yaml.Unmarshal(uncommented, &document); err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	collectKeys(document.Content[0], "", has)
	for _, path := range typeKeys(reflect.TypeFor[config.Config](), "") {
		if !has[path] {
			t.Errorf("the example lacks %s", path)
		}
		delete(has, path)
	}
	for path := range has {
		t.Errorf("the example has the unknown key %s", path)
	}
}

// collectKeys adds the paths of the keys in n to has.
func collectKeys(n *yaml.Node, path string, has map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			inner := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			has[inner] = true
			collectKeys(n.Content[i+1], inner, has)
		}
	case yaml.SequenceNode:
		for _, element := range n.Content {
			collectKeys(element, path, has)
		}
	}
}

// typeKeys returns the paths of the keys of a configuration's type. A field without
// a key is part of a value.
func typeKeys(typ reflect.Type, path string) (paths []string) {
	if typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return nil
	}
	for field := range typ.Fields() {
		if key := field.Tag.Get("yaml"); key != "" {
			inner := strings.TrimPrefix(path+"."+key, ".")
			paths = append(paths, inner)
			if inner != "defaults" { // it has the keys of tenants
				paths = append(paths, typeKeys(field.Type, inner)...)
			}
		}
	}
	return paths
}
