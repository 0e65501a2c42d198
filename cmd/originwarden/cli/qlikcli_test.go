package cli

import (
	"strings"
	"testing"
)

// Scripts that were written for qlik-cli must work. The flags are those of its
// reference of web-integration.
func TestWebIntegration_HasTheFlagsOfQlikCLI(t *testing.T) {
	const all = " --interval --quiet --raw --retry --server --insecure --json"
	for command, flags := range map[string]string{
		"ls":     "--endingBefore --limit --sort --startingAfter --tenantId" + all,
		"get":    all,
		"create": "--file --name --validOrigins" + all,
		"patch":  "--body --file --op --path --value" + all,
		"rm":     all,
	} {
		_, help, _ := runCommand(t, noListeners(t), "web-integration", command, "--help")
		for _, flag := range strings.Fields(flags) {
			if !strings.Contains(help, " "+flag+" ") {
				t.Errorf("%s lacks %s", command, flag)
			}
		}
	}
}
