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

// TestStore_WritesWhileUsersChange has somebody change other users all the time,
// for which etcd refuses every token that it gave before.
func TestStore_WritesWhileUsersChange(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	o := optionsOf(c)
	addUser(t, c, "somebody", "elsewhere", clientv3.PermissionType(clientv3.PermRead))
	enableAuth(t, c, nil, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := open(t, o)
	w := create(t, s, entry("acme", "one"))
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
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		edit(t, s, w)
	}
	stop()
	changing.Wait()
	t.Logf("users changed %d times", changes.Load())
}
