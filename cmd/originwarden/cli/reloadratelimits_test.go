package cli

import (
	"os"
	"syscall"
	"testing"
)

func TestReload_KeepsRateLimitBuckets(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	env := Environment{Hangup: func() (<-chan os.Signal, func()) { return hangups, func() {} }}
	r := launchGateway(t, env, t.TempDir(), tenantConfig(startServer(t, hello), "api: {rate_limits: {failed: 1}}"))
	t.Cleanup(func() { r.stop(t) })
	fail := func(when string, status int) {
		t.Helper()
		for _, address := range []string{r.tenants + collection, r.admin + "/reload"} {
			response, text := send(t, "POST", address, "", "Authorization: Bearer none")
			if response.StatusCode != status {
				t.Errorf("%s, %s: %d %s, want %d", when, address, response.StatusCode, text, status)
			}
		}
	}
	if response, text := send(t, "POST", r.tenants+collection, "", "Authorization: Bearer none"); response.StatusCode != 401 {
		t.Fatalf("the first failure: %s %s", response.Status, text)
	}
	fail("before a reload", 429)
	hangups <- syscall.SIGHUP
	r.await(t, r.stderr, `the configuration was reloaded`)
	fail("after a reload", 429)
}
