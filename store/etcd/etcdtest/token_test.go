package etcdtest_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"originwarden/store/etcd/etcdtest"
)

// TestStore_WritesWhileUsersChange changes another user continuously. After each change
// etcd refuses all earlier tokens.
func TestStore_WritesWhileUsersChange(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	o := newOptions(c)
	addUser(t, c, "somebody", "elsewhere", clientv3.PermissionType(clientv3.PermRead))
	enableAuth(t, c, nil, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var changing sync.WaitGroup
	var changes atomic.Int64
	for range 4 {
		root, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Username: "root", Password: "secret", Logger: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		changing.Go(func() {
			for ctx.Err() == nil {
				if _, err := root.UserChangePassword(ctx, "somebody", "another"); err == nil {
					changes.Add(1)
				}
			}
		})
	}
	for start := time.Now(); time.Since(start) < 3*time.Second; {
		edit(t, s, w)
	}
	stop()
	changing.Wait()
	t.Logf("users were changed %d times", changes.Load())
}
