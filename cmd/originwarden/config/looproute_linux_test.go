package config_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"originwarden/cmd/originwarden/config"
)

const routedConfig = "listen: ':8080'\ntenants: [{id: a, upstream: 'http://192.0.2.7:8080'}]\n"

// A route can make addresses local that no interface has. The test runs itself again
// in a network of its own, with such a route.
func TestParse_RefusesUpstreamAtAddressThatIsLocalByRoute(t *testing.T) {
	const inside = "ORIGINWARDEN_TEST_ROUTE"
	if os.Getenv(inside) != "" {
		if _, err := config.Parse("c.yaml", []byte(routedConfig)); err == nil || !strings.Contains(err.Error(), "is the gateway itself") {
			t.Errorf("Parse: error %v, want a loop", err)
		}
		return
	}
	const setUp = "ip link set lo up && ip route add local 192.0.2.0/24 dev lo"
	if out, err := exec.Command("unshare", "-rn", "sh", "-c", setUp).CombinedOutput(); err != nil {
		t.Skipf("no network of its own: %v: %s", err, out)
	}
	again := exec.Command("unshare", "-rn", "sh", "-c", setUp+` && exec "$0" -test.run "$1"`, os.Args[0], "^"+t.Name()+"$")
	again.Env = append(os.Environ(), inside+"=1")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
