package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The body of a refusal points readers who do not know the gateway to the
// documentation, and does not echo the request.
func TestRefusal_PointsToDocumentation(t *testing.T) {
	r := startGateway(t, t.TempDir(), fmt.Sprintf(`
tenants: [{id: acme, hosts: [acme.test], upstream: '%s', require_origin: unsafe}]
cors: {request_headers: [x-a]}
`, startServer(t, hello)))
	decision, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "decision.md"))
	if err != nil {
		t.Fatal(err)
	}
	const refused, elsewhere = "docs/decision.md#the-reasons", "docs/decision.md#what-looks-like-the-decision-and-is-not"
	for _, row := range []struct {
		code, next, method string
		headers            []string
	}{
		{"origin_not_listed", refused, "GET", []string{"Origin: https://marked.example"}},
		{"origin_malformed", refused, "GET", []string{"Origin: marked"}},
		{"origin_opaque", refused, "GET", []string{"Origin: null"}},
		{"origin_repeated", refused, "GET", []string{"Origin: https://marked.example", "Origin: https://marked.example"}},
		{"origin_required", refused, "POST", []string{"X-A: marked"}},
		{"web_integration_unknown", refused, "GET", []string{"Origin: https://marked.example", "Qlik-Web-Integration-Id: marked"}},
		{"web_integration_ambiguous", refused, "GET", []string{"Origin: https://marked.example", "Qlik-Web-Integration-Id: marked", "Qlik-Web-Integration-Id: marked2"}},
		{"method_not_allowed", refused, "OPTIONS", []string{"Origin: https://acme.test", "Access-Control-Request-Method: MARKED"}},
		{"header_not_allowed", refused, "OPTIONS", []string{"Origin: https://acme.test", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: marked"}},
		{"TENANT_UNKNOWN", elsewhere, "GET", []string{"Host: marked.test"}},
	} {
		_, text := send(t, row.method, r.tenants+"/marked", "", append([]string{"Host: acme.test"}, row.headers...)...)
		var body struct {
			Errors []struct{ Code, Detail string }
		}
		if err := json.Unmarshal([]byte(text), &body); err != nil || len(body.Errors) != 1 || body.Errors[0].Code != row.code {
			t.Errorf("%s: got %s", row.code, text)
			continue
		}
		detail := body.Errors[0].Detail
		if !strings.Contains(detail, row.next) || strings.Contains(detail, "originwarden refused") != (row.next == refused) {
			t.Errorf("%s does not name the next step: %s", row.code, detail)
		}
		if strings.Contains(strings.ToLower(text), "marked") {
			t.Errorf("%s: body echoes the request: %s", row.code, text)
		}
	}
	for _, next := range []string{refused, elsewhere} {
		_, anchor, _ := strings.Cut(next, "#")
		if !regexp.MustCompile("(?mi)^## " + strings.ReplaceAll(anchor, "-", " ") + "$").Match(decision) {
			t.Errorf("docs/decision.md has no section for %s", next)
		}
	}
}
