package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"originwarden/api/client"
)

// Only who may read every tenant learns of the gateways.
func TestFleet_IsForThoseWhoReadEveryTenant(t *testing.T) {
	configured := func(token, tenant, role string) string {
		hash := sha256.Sum256([]byte(token))
		return fmt.Sprintf(`{subject: %s, tenant: %q, role: %s, sha256: "%s"}`, token, tenant, role, hex.EncodeToString(hash[:]))
	}
	tokens := strings.Join([]string{configured("reader", "*", "reader"), configured("acme", "acme", "admin")}, ", ")
	r := startGateway(t, t.TempDir(), tenantConfig(startServer(t, hello), "api: {tokens: ["+tokens+"]}"))
	for token, want := range map[string]string{"": "401", "nobody": "401", "acme": "403", "reader": "200"} {
		var headers []string
		if token != "" {
			headers = []string{"Authorization: Bearer " + token}
		}
		if response, text := send(t, "GET", r.admin+"/gateways", "", headers...); response.Status[:3] != want {
			t.Errorf("GET /gateways with the token %q: %s %s, want %s", token, response.Status, text, want)
		}
	}
	if response, _ := send(t, "POST", r.admin+"/gateways", "", "Authorization: Bearer reader"); response.StatusCode != 405 {
		t.Errorf("POST /gateways: %s", response.Status)
	}

	awaitHeartbeat(t, r)
	status, stdout, stderr := runCommand(t, clientEnvironment("", "reader"), "fleet", "--admin", r.admin, "--json")
	var fleet client.Fleet
	if err := json.Unmarshal([]byte(stdout), &fleet); err != nil || status != exitDone || len(fleet.Gateways) != 1 || fleet.Gateways[0].Gateway == "" || fleet.Gateways[0].Beat.IsZero() {
		t.Errorf("exit status %d, %v: %s%s", status, err, stdout, stderr)
	}
	status, stdout, stderr = runCommand(t, clientEnvironment("", "reader"), "fleet", "--admin", r.admin)
	if lines := strings.Split(stdout, "\n"); status != exitDone || len(lines) != 3 || !strings.HasPrefix(lines[0], "HOST ") || !strings.Contains(lines[1], fleet.Gateways[0].Gateway) || !strings.Contains(lines[1], " ago") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	read, err := (&client.Client{Server: r.admin, Token: "reader"}).Fleet(t.Context())
	if err != nil || len(read.Gateways) != 1 || read.Gateways[0].Gateway != fleet.Gateways[0].Gateway {
		t.Errorf("the client reads %+v, %v", read, err)
	}
	if status, _, stderr := runCommand(t, clientEnvironment("", "acme"), "fleet", "--admin", r.admin); status != exitFailed || !strings.Contains(stderr, "403 Forbidden\n  Forbidden: The token is not for all tenants.") {
		t.Errorf("with a tenant's token: exit status %d, %s", status, stderr)
	}
}

// awaitHeartbeat waits until the gateway has written its first heartbeat, which may be
// after it is ready.
func awaitHeartbeat(t *testing.T, r *runningCommand) {
	t.Helper()
	reader := &client.Client{Server: r.admin, Token: "reader"}
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		read, err := reader.Fleet(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Gateways) > 0 {
			return
		}
	}
	t.Fatal("no heartbeat")
}

func TestFleet_EscapesWhatGatewaysSay(t *testing.T) {
	url := startFakeGateway(t, 200, `{"gateways":[{"gateway":"g","host":"\u001b[2J","version":"v","problems":["a\u202eb"]}]}`)
	for _, flag := range []string{"--json=false", "--json"} {
		status, stdout, _ := runCommand(t, clientEnvironment("", "secret"), "fleet", flag, "--admin", url)
		if status != exitDone || strings.ContainsAny(stdout, "\x1b\u202e") || !strings.Contains(stdout, "g") {
			t.Errorf("%s: exit status %d, %q", flag, status, stdout)
		}
	}
}
