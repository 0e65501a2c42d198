package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowedImports lists what each package of this module may import besides the
// standard library: packages of this module by their folder, and other modules. A
// row also holds for the folders below, unless they have rows of their own.
func allowedImports() map[string][]string {
	return map[string][]string{
		"origins":             {"golang.org/x/net/idna", "golang.org/x/net/publicsuffix"},
		"origins/explain":     {"origins"},
		"envelope":            {},
		"envelope/escape":     {},
		"envelope/clientaddr": {},
		"store":               {"origins"},
		"store/history":       {"store", "origins"},
		"store/sqlite":        {"store", "store/sqlite/heartbeats", "store/sqlite/inventory", "store/sqlite/records", "store/sqlite/sqlitefile", "store/history", "origins", "modernc.org/sqlite", "github.com/gofrs/flock"},
		"store/etcd":          {"store", "origins", "store/etcd/connection", "store/etcd/heartbeats", "store/etcd/identity", "store/etcd/inventory", "store/etcd/keyedmutex", "store/etcd/quota", "store/etcd/readview", "store/etcd/records", "store/etcd/schema", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3", "google.golang.org/grpc"},
		"store/storetest":     {"store", "origins"},
		"store/transfer":      {"envelope/escape", "store", "origins", "github.com/go-json-experiment/json"},
		"lists":               {"store", "origins", "github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"},
		"lists/liststest":     {"lists", "store", "origins"},
		"lists/disk":          {"lists", "store", "origins", "store/sqlite/sqlitefile", "github.com/gofrs/flock"},
		"api/changes":         {"store", "origins"},
		"api/refusals":        {"store", "origins", "golang.org/x/sync"},
		"api/slots":           {"api/auth"},
		"api/undo":            {"store", "store/history", "envelope"},
		"api":                 {"api/auth", "api/changes", "api/decode", "api/integrations", "api/precondition", "api/problem", "api/refusals", "api/slots", "api/undo", "store", "store/search", "origins", "envelope", "github.com/go-json-experiment/json"},
		"api/decode":          {"api/problem", "store", "origins", "envelope", "github.com/go-json-experiment/json"},
		"api/integrations":    {"api/problem", "store", "store/search", "origins", "envelope", "github.com/go-json-experiment/json"},
		"api/precondition":    {},
		"api/problem":         {"envelope"},
		"api/auth": {"envelope/clientaddr", "origins", "envelope", "github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4",
			"github.com/go-json-experiment/json", "github.com/hashicorp/golang-lru/v2", "golang.org/x/time/rate"},
		"api/client":       {"origins", "envelope/escape"},
		"console":          {"api/auth", "console/apicall", "console/ask", "console/assets", "console/changes", "console/entries", "console/fleet", "console/forms", "console/keptform", "console/listing", "console/refused", "console/session", "console/signin", "console/traffic", "console/wording", "lists", "store", "origins", "envelope", "envelope/clientaddr"},
		"console/apicall":  {"api/auth", "envelope"},
		"console/ask":      {"origins", "origins/explain"},
		"console/assets":   {},
		"console/changes":  {"api/undo", "store", "store/history"},
		"console/fleet":    {"store"},
		"console/forms":    {"envelope/clientaddr"},
		"console/keptform": {},
		"console/entries":  {"origins"},
		"console/listing":  {"console/apicall"},
		"console/refused":  {"origins"},
		"console/session":  {"api/auth", "github.com/hashicorp/golang-lru/v2"},
		"console/signin":   {"origins", "github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
		"console/traffic":  {},
		"console/wording":  {"origins"},

		"console/gatewaytest": {"cmd/originwarden/config", "cmd/originwarden/logs", "cmd/originwarden/server"},

		"proxy":        {"golang.org/x/net/http/httpguts", "envelope/clientaddr", "origins", "origins/explain", "envelope", "proxy/cors", "proxy/downstream", "proxy/fastlane", "proxy/fields", "proxy/hosts", "proxy/http1", "proxy/observed", "proxy/problem", "proxy/request", "proxy/tunnel", "proxy/upstream"},
		"proxy/decide": {"envelope", "envelope/clientaddr", "origins", "proxy", "proxy/cors", "proxy/fastlane", "proxy/request"},
		"proxy/decide/extauthz": {"envelope", "envelope/clientaddr", "origins", "proxy", "proxy/cors", "proxy/decide", "proxy/decide/extauthz/wire", "proxy/request",
			"google.golang.org/grpc"},
		"proxy/decide/extauthz/wire": {"google.golang.org/protobuf"},
		"proxy/decide/demux":         {"proxy/downstream", "proxy/socket", "golang.org/x/net/http2", "google.golang.org/grpc"},
		"proxy/decide/decidetest":    {"lists", "lists/liststest", "origins", "proxy"},

		"proxy/cors":       {"origins", "proxy/fields"},
		"proxy/downstream": {"envelope/clientaddr", "proxy/http1", "proxy/socket", "golang.org/x/sys"},
		"proxy/fastlane":   {"envelope/clientaddr", "proxy/downstream", "proxy/http1", "proxy/socket"},
		"proxy/fields":     {"golang.org/x/net/http/httpguts"},
		"proxy/hosts":      {"origins", "proxy/request"},
		"proxy/observed":   {"origins"},
		"proxy/problem":    {"envelope", "origins"},
		"proxy/request":    {"envelope/clientaddr", "origins", "golang.org/x/net/http/httpguts"},
		"proxy/upstream":   {"proxy/fields", "proxy/http1", "proxy/upstream/dial"},
		"proxy/tunnel":     {"origins", "proxy/socket"},
		"proxy/http1":      {"proxy/fields", "proxy/socket", "golang.org/x/net/http/httpguts"},
		"proxy/socket":     {},
		"bench":            {"bench/load", "bench/peers", "bench/process", "bench/report"},
		"bench/load":       {"bench/process"},
		"bench/peers":      {"bench/process"},
		"bench/process":    {},
		"bench/report":     {},
		"bench/fleet":      {"api/client"},
		"bench/latency":    {},
		"bench/readers":    {"api/client"},
		"bench/retries":    {},
		"bench/soak":       {"api/client", "github.com/coder/websocket"},
		"bench/tenant":     {"github.com/coder/websocket"},
		"metrics":          {"origins", "lists", "proxy", "api", "github.com/prometheus/client_golang"},

		"store/etcd/connection": {"go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3", "google.golang.org/grpc", "go.uber.org/zap"},
		"store/etcd/schema":     {"store", "origins", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3"},

		"store/etcd/heartbeats": {"store", "store/etcd/connection", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3"},
		"store/etcd/identity":   {"store"},
		"store/etcd/keyedmutex": {},
		"store/etcd/quota":      {"store/etcd/keyedmutex", "go.etcd.io/etcd/api/v3"},
		"store/etcd/readview":   {"store", "store/etcd/connection", "store/etcd/identity", "store/etcd/schema", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3", "google.golang.org/grpc"},
		"store/etcd/records":    {"store", "store/history", "store/etcd/schema", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3"},

		"store/etcd/inventory": {"store", "origins", "store/etcd/connection", "store/etcd/schema", "go.etcd.io/etcd/api/v3", "go.etcd.io/etcd/client/v3"},

		"store/sqlite/heartbeats": {"store"},
		"store/sqlite/inventory":  {"store", "origins"},
		"store/sqlite/records":    {"store", "store/history"},
		"store/sqlite/sqlitefile": {"modernc.org/sqlite", "github.com/gofrs/flock"},

		"store/search":               {"store"},
		"store/storetest/fleettest":  {"store", "store/storetest", "origins"},
		"store/storetest/searchtest": {"store", "store/search", "store/storetest"},

		"proxy/upstream/dial": {},

		"cmd/originwarden/config/urls": {},

		"cmd/originwarden/atomicfile": {},

		"cmd/originwarden/config/consolesignin": {"origins"},

		"cmd/originwarden/config/filecheck":  {},
		"cmd/originwarden/config/ownaddress": {},
		"cmd/originwarden/config/strictyaml": {"go.yaml.in/yaml/v3"},
		"cmd/originwarden/config/tenantids":  {"origins"},
		"cmd/originwarden/config/values":     {},

		"cmd/originwarden/logs":        {"cmd/originwarden/config", "api", "origins", "proxy", "envelope", "go.uber.org/zap"},
		"cmd/originwarden/tracing":     {"envelope/clientaddr", "cmd/originwarden/config", "cmd/originwarden/logs", "envelope", "metrics", "proxy", "proxy/request", "go.opentelemetry.io/otel", "go.uber.org/zap"},
		"cmd/originwarden/config":      {"cmd/originwarden/config/consolesignin", "cmd/originwarden/config/filecheck", "cmd/originwarden/config/ownaddress", "cmd/originwarden/config/strictyaml", "cmd/originwarden/config/tenantids", "cmd/originwarden/config/urls", "cmd/originwarden/config/values", "origins", "go.uber.org/zap"},
		"cmd/originwarden/credentials": {"cmd/originwarden/config", "cmd/originwarden/logs", "go.uber.org/zap"},
		"cmd/originwarden/stores":      {"cmd/originwarden/config", "cmd/originwarden/credentials", "store", "store/etcd", "store/sqlite", "go.uber.org/zap"},
		"cmd/originwarden/server": {"cmd/originwarden/atomicfile", "api", "api/auth", "api/refusals", "console", "console/ask", "console/signin", "console/traffic", "envelope", "envelope/clientaddr", "envelope/escape", "lists", "lists/disk", "metrics", "origins", "proxy", "proxy/decide", "proxy/decide/demux", "proxy/decide/extauthz", "proxy/downstream", "proxy/fastlane", "proxy/request", "store", "store/etcd", "store/sqlite",
			"cmd/originwarden/config", "cmd/originwarden/credentials", "cmd/originwarden/logs", "cmd/originwarden/stores", "cmd/originwarden/tracing",
			"cmd/originwarden/server/frontend", "cmd/originwarden/server/heartbeat", "cmd/originwarden/server/observation", "cmd/originwarden/server/readiness", "cmd/originwarden/server/upstreams", "cmd/originwarden/server/workers",
			"github.com/coreos/go-systemd/v22", "go.uber.org/zap", "google.golang.org/grpc"},
		"cmd/originwarden/server/frontend":    {"proxy/fastlane"},
		"cmd/originwarden/server/heartbeat":   {"store", "cmd/originwarden/logs", "cmd/originwarden/server/readiness"},
		"cmd/originwarden/server/observation": {"console/traffic", "store"},
		"cmd/originwarden/server/readiness":   {"lists", "store", "cmd/originwarden/logs", "cmd/originwarden/server/upstreams"},
		"cmd/originwarden/server/upstreams":   {"proxy", "proxy/upstream", "cmd/originwarden/config"},

		"cmd/originwarden/demo":               {"api/auth", "cmd/originwarden/config", "cmd/originwarden/logs", "cmd/originwarden/server", "github.com/coder/websocket"},
		"cmd/originwarden/cli/command":        {"github.com/spf13/cobra"},
		"cmd/originwarden/cli/connection":     {"api/client", "envelope/escape", "cmd/originwarden/cli/command", "github.com/spf13/cobra"},
		"cmd/originwarden/cli/webintegration": {"api/client", "envelope/escape", "store", "store/history", "cmd/originwarden/cli/command", "cmd/originwarden/cli/connection", "github.com/spf13/cobra"},
		"cmd/originwarden/cli/admin":          {"api/client", "envelope/escape", "cmd/originwarden/cli/command", "cmd/originwarden/cli/connection", "github.com/spf13/cobra"},
		"cmd/originwarden/cli/listfile":       {"cmd/originwarden/config/strictyaml", "envelope/escape", "origins", "store", "github.com/go-json-experiment/json", "go.yaml.in/yaml/v3"},
		"cmd/originwarden/cli/apply": {"api/client", "envelope/escape", "origins",
			"cmd/originwarden/cli/command", "cmd/originwarden/cli/connection", "cmd/originwarden/cli/listfile", "github.com/spf13/cobra"},
		"cmd/originwarden/cli/importexport": {"cmd/originwarden/atomicfile", "api/client", "envelope/escape", "origins", "store", "store/sqlite", "store/transfer", "cmd/originwarden/config", "cmd/originwarden/stores",
			"cmd/originwarden/cli/command", "cmd/originwarden/cli/connection", "cmd/originwarden/cli/listfile", "github.com/spf13/cobra", "golang.org/x/sync"},
		"cmd/originwarden/cli": {"api/auth", "envelope/escape", "origins", "store", "store/sqlite",
			"cmd/originwarden/config", "cmd/originwarden/demo", "cmd/originwarden/logs", "cmd/originwarden/server",
			"cmd/originwarden/cli/admin", "cmd/originwarden/cli/apply", "cmd/originwarden/cli/command", "cmd/originwarden/cli/importexport", "cmd/originwarden/cli/webintegration",
			"github.com/coreos/go-systemd/v22", "github.com/spf13/cobra", "go.uber.org/zap"},
		"cmd/originwarden": {"cmd/originwarden/cli"},
	}
}

func TestPackages_ImportOnlyAllowedPackages(t *testing.T) {
	root, rules := filepath.Join("..", ".."), allowedImports()
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && file != root && isModule(file) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		relative, _ := filepath.Rel(root, filepath.Dir(file))
		folder := filepath.ToSlash(relative)
		rule := findRule(folder, rules)
		seen[rule] = true
		for _, imported := range readImports(t, file) {
			if !isAllowed(imported, rules[rule]) {
				t.Errorf("%s imports %s, which is not allowed for %q", filepath.ToSlash(file), imported, rule)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rule := range rules {
		if !seen[rule] {
			t.Errorf("rule for %s without a package", rule)
		}
	}
}

// isModule reports whether the folder is a module of its own and so not part of the
// product.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// findRule returns the nearest folder that has a rule, or folder itself.
func findRule(folder string, rules map[string][]string) string {
	for at := folder; at != "."; at = path.Dir(at) {
		if _, ok := rules[at]; ok {
			return at
		}
	}
	return folder
}

func readImports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range parsed.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		imports = append(imports, imported)
	}
	return imports
}

// isAllowed reports whether allowed has the import or the module that contains it.
func isAllowed(imported string, allowed []string) bool {
	if ours, isOurs := strings.CutPrefix(imported, "originwarden/"); isOurs {
		return slices.Contains(allowed, ours)
	}
	first, _, _ := strings.Cut(imported, "/")
	standard := !strings.Contains(first, ".")
	return standard || slices.ContainsFunc(allowed, func(a string) bool { return imported == a || strings.HasPrefix(imported, a+"/") })
}
