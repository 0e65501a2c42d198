package decide_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1 "istio.io/api/networking/v1"
	securityv1 "istio.io/api/security/v1"
)

// istioSpecs are the messages of objects' specs, by apiVersion and kind.
var istioSpecs = map[string]proto.Message{
	"networking.istio.io/v1 DestinationRule":   &networkingv1.DestinationRule{},
	"networking.istio.io/v1 ServiceEntry":      &networkingv1.ServiceEntry{},
	"security.istio.io/v1 AuthorizationPolicy": &securityv1.AuthorizationPolicy{},
	"security.istio.io/v1 PeerAuthentication":  &securityv1.PeerAuthentication{},
}

// Istio knows the names and types of all that the page says.
func TestIstio_KnowsConfigurations(t *testing.T) {
	page, err := os.ReadFile("../decide-envoy.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, block := range yamlBlocks.FindAllStringSubmatch(string(page), -1) {
		for _, text := range strings.Split(block[1], "\n---\n") {
			message, part := istioPart(t, text)
			if message == nil {
				continue
			}
			seen++
			encoded, err := json.Marshal(withTextKeys(part))
			if err == nil {
				err = protojson.Unmarshal(encoded, message.ProtoReflect().New().Interface())
			}
			if err != nil {
				t.Errorf("%v, in\n%s", err, text)
			}
		}
	}
	if seen != 8 {
		t.Errorf("%d configurations of Istio, want 8", seen)
	}
}

// istioPart returns the message that a document is about, or nil if it is not for Istio, and
// what the document says of it.
func istioPart(t *testing.T, text string) (proto.Message, any) {
	t.Helper()
	var object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       any
	}
	if strings.HasPrefix(text, "# MeshConfig") {
		var config any
		if err := yaml.Unmarshal([]byte(text), &config); err != nil {
			t.Fatal(err)
		}
		return &meshv1alpha1.MeshConfig{}, config
	}
	yaml.Unmarshal([]byte(text), &object) // lists and the like are of others
	if !strings.Contains(object.APIVersion, ".istio.io/") {
		return nil, nil
	}
	kind := object.APIVersion + " " + object.Kind
	if istioSpecs[kind] == nil {
		t.Errorf("this test does not know %s", kind)
	}
	return istioSpecs[kind], object.Spec
}

// withTextKeys returns a value of YAML with keys as JSON has them.
func withTextKeys(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = withTextKeys(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = withTextKeys(value[key])
		}
	case map[any]any:
		texts := map[string]any{}
		for key := range value {
			texts[fmt.Sprint(key)] = withTextKeys(value[key])
		}
		return texts
	}
	return value
}
