//go:build linux

package fleet_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"originwarden/store/etcd/etcdtest"
)

// TestGateway_ReloadsPasswordFile changes the password in the cluster, and then in the
// file, while a gateway is running.
func TestGateway_ReloadsPasswordFile(t *testing.T) {
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	root := enableAuth(t, c.Endpoints())
	f := &fleet{T: t, dir: workDir(t), start: time.Now(), host: loopbackHost(), ports: map[int]bool{}}
	password := f.path("password")
	write := func(text string) {
		if err := os.WriteFile(password, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret")
	g := f.newGatewayWithPassword(c.Endpoints()[0], password)
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	create := func() error {
		_, err := g.api("acme").Create(t.Context(), "pages", []string{"https://a.example"})
		return err
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if _, err := root.UserChangePassword(t.Context(), "gateway", "another"); err != nil {
		t.Fatal(err)
	}
	if err := create(); err == nil {
		t.Fatal("the gateway can write with the old password")
	}
	write("another")
	start := time.Now()
	for create() != nil {
		if time.Since(start) > 20*time.Second || !pause(t.Context(), 100*time.Millisecond) {
			t.Fatal("the gateway does not use the new password")
		}
	}
	t.Logf("the new password was used after %v", time.Since(start).Round(time.Millisecond))
}

// enableAuth creates two users with the password "secret", and enables authentication.
func enableAuth(t *testing.T, endpoints []string) (root *clientv3.Client) {
	t.Helper()
	config := clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 5 * time.Second}
	open, err := clientv3.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for _, user := range []string{"root", "gateway"} {
		_, err := open.UserAdd(t.Context(), user, "secret")
		if err == nil {
			_, err = open.UserGrantRole(t.Context(), user, "root")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open.AuthEnable(t.Context()); err != nil {
		t.Fatal(err)
	}
	config.Username, config.Password = "root", "secret"
	if root, err = clientv3.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// newGatewayWithPassword returns a gateway that reads its password from a file. It is not
// started.
func (f *fleet) newGatewayWithPassword(endpoint, password string) *gateway {
	g := &gateway{name: "g", listen: f.address(), admin: f.address(), lastFault: time.Now()}
	hash := sha256.Sum256([]byte(token))
	config := fmt.Sprintf(`listen: %s
admin: {listen: "%s"}
tenants: [{id: acme, hosts: [acme.test], upstream: "http://127.0.0.1:1"}]
store: {url: "etcd://%s%s", etcd: {username: gateway, password_file: %q}}
api: {tokens: [{subject: fleet, tenant: "*", role: admin, sha256: "%s"}], rate_limits: {tier1: 0, tier2: 0, failed: 0}}
`, g.listen, g.admin, endpoint, prefix, password, hex.EncodeToString(hash[:]))
	file := f.path("g.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		f.Fatal(err)
	}
	g.process = &process{
		starter: newStarter(f), path: program("originwarden"), args: []string{"serve", "--config", file},
		ready: "originwarden ready", log: f.path("g.log"),
	}
	g.connect()
	return g
}
