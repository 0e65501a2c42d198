package decide_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
)

// envoyMessages returns what a block of Envoy's configuration is part of, by its first
// line, and whether it is all of it: what is part of a message lacks fields that it needs.
func envoyMessages(firstLine string) (parts []proto.Message, isWhole bool) {
	switch firstLine {
	case "# Envoy: in the HttpConnectionManager":
		return []proto.Message{&hcmv3.HttpConnectionManager{}}, false
	case "# Envoy: in the clusters":
		return []proto.Message{&clusterv3.Cluster{}}, true
	case "# Envoy: in the cluster":
		return []proto.Message{&clusterv3.Cluster{}}, false
	case "# Envoy: in the route, the virtual host or the route configuration":
		return []proto.Message{&routev3.Route{}, &routev3.VirtualHost{}, &routev3.RouteConfiguration{}}, false
	case "virtual_hosts:":
		return []proto.Message{&routev3.RouteConfiguration{}}, true
	}
	return nil, false
}

// Envoy accepts what the pages say, as far as its API tells: names, types, and the rules of
// its fields.
func TestEnvoy_AcceptsConfigurations(t *testing.T) {
	seen := 0
	for _, name := range []string{"../decide-envoy.md", "../migrate.md"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlocks.FindAllStringSubmatch(string(page), -1) {
			firstLine, _, _ := strings.Cut(block[1], "\n")
			parts, isWhole := envoyMessages(firstLine)
			if parts == nil && strings.HasPrefix(firstLine, "# Envoy:") {
				t.Errorf("%s: this test does not know %q", name, firstLine)
			}
			for _, part := range parts {
				seen++
				if err := checkEnvoy(block[1], part, isWhole); err != nil {
					t.Errorf("%s: %v, in\n%s", name, err, block[1])
				}
			}
		}
	}
	if seen != 8 {
		t.Errorf("%d configurations of Envoy, want 8", seen)
	}
}

var yamlBlocks = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// checkEnvoy checks a block of YAML, which is one message or a list of them.
func checkEnvoy(text string, part proto.Message, isWhole bool) error {
	var block any
	if err := yaml.Unmarshal([]byte(text), &block); err != nil {
		return err
	}
	all, isList := block.([]any)
	if !isList {
		all = []any{block}
	}
	for _, one := range all {
		message := part.ProtoReflect().New().Interface()
		encoded, err := json.Marshal(one)
		if err == nil {
			err = protojson.Unmarshal(encoded, message)
		}
		if err == nil && isWhole {
			err = validate(message)
		}
		if err := errors.Join(err, validateInner(message)); err != nil {
			return err
		}
	}
	return nil
}

// validateInner validates the messages of any type within a message.
func validateInner(message proto.Message) (found error) {
	err := protorange.Range(message.ProtoReflect(), func(path protopath.Values) error {
		if last := path.Index(-1); last.Step.Kind() == protopath.AnyExpandStep {
			found = errors.Join(found, validate(last.Value.Message().Interface()))
		}
		return nil
	})
	return errors.Join(err, found)
}

func validate(message proto.Message) error {
	return message.(interface{ ValidateAll() error }).ValidateAll()
}
