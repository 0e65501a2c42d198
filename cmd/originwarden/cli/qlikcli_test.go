package cli

import (
	"strings"
	"testing"
)

// TestWebIntegration_HasTheFlagsOfQlikCLI is about scripts that were written for
// qlik-cli; see its reference of web-integration.
func TestWebIntegration_HasTheFlagsOfQlikCLI(t *testing.T) {
	const all = " --interval --quiet --raw --retry --server --insecure --json"
	for command, flags := range map[string]string{
		"ls":     "--endingBefore --limit --sort --startingAfter --tenantId" + all,
		"get":    all,
		"create": "--file --name --validOrigins" + all,
		"patch":  "--body --file --op --path --value" + all,
		"rm":     all,
	} {
		_, help, _ := execution(t, deaf(t), "web-integration", command, "--help")
		for _, flag := range strings.Fields(flags) {
			if !strings.Contains(help, " "+flag+" ") {
				t.Errorf("%s has no %s", command, flag)
			}
		}
	}
}
