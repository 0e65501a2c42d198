package etcdtest_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// TestStore_WritesDuringAccessRenewal makes concurrent writes while the store switches
// between two users.
func TestStore_WritesDuringAccessRenewal(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	o := newOptions(c)
	addUser(t, c, "other", key(o, ""), clientv3.PermissionType(clientv3.PermReadWrite))
	addUser(t, c, "reader", key(o, ""), clientv3.PermissionType(clientv3.PermRead))
	enableAuth(t, c, nil, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := openStore(t, o)
	before := create(t, s, newIntegration("acme", "one"))
	revisionsUntil := collectRevisions(t, s)

	done := make(chan struct{})
	var writers sync.WaitGroup
	for writer := range 3 {
		writers.Go(func() {
			if err := writeUntil(t, s, done, fmt.Sprint("tenant-", writer)); err != nil {
				t.Error(err)
			}
		})
	}
	for range 10 {
		for _, user := range []string{"other", "originwarden"} {
			wantRenew(t, s, etcd.Access{Username: user, Password: "secret"}, "")
			edit(t, s, before)
		}
	}
	close(done)
	writers.Wait()
	last := edit(t, s, before)
	wantIncreasing(t, revisionsUntil(last))

	wantRenew(t, s, etcd.Access{Username: "reader", Password: "secret"}, "")
	_, err := s.Create(withTimeout(t, 5*time.Second), newIntegration("acme", "two"))
	for call, err := range map[string]error{"Create": err, "CheckWrites": s.CheckWrites(withTimeout(t, 5*time.Second))} {
		if why, ok := errors.AsType[*store.WriteError](err); !ok || why.Cause != store.CauseDenied || !why.NotMade {
			t.Errorf("%s by a user who may only read: error %v, want cause denied and NotMade", call, err)
		}
	}
	wantRenew(t, s, etcd.Access{Username: "other", Password: "secret"}, "")
	edit(t, s, before)
}

// writeUntil makes writes of every kind until done is closed, or one fails.
func writeUntil(t *testing.T, s store.Store, done <-chan struct{}, tenant string) error {
	for {
		select {
		case <-done:
			return nil
		default:
		}
		ctx := withTimeout(t, 10*time.Second)
		w, err := s.Create(ctx, newIntegration(tenant, "pages"))
		if err != nil {
			return fmt.Errorf("Create: %w", err)
		}
		if _, err := s.Edit(ctx, tenant, w.ID, addOrigin("https://a.example")); err != nil {
			return fmt.Errorf("Edit: %w", err)
		}
		if _, err := s.Delete(ctx, tenant, w.ID, func(store.WebIntegration) error { return nil }); err != nil {
			return fmt.Errorf("Delete: %w", err)
		}
		if _, err := s.Batch(ctx, createWrites(1, 1)); err != nil {
			return fmt.Errorf("Batch: %w", err)
		}
	}
}

// wantIncreasing checks that each revision is greater than the one before.
func wantIncreasing(t *testing.T, revisions []uint64) {
	t.Helper()
	for i, r := range revisions[1:] {
		if r <= revisions[i] {
			t.Errorf("revision %d came after %d", r, revisions[i])
		}
	}
}

// addUser creates a user with the password "secret" before authentication is enabled.
func addUser(t *testing.T, c *etcdtest.Cluster, name, prefix string, may clientv3.PermissionType) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := withTimeout(t, 10*time.Second)
	_, err = client.UserAdd(ctx, name, "secret")
	if err == nil {
		_, err = client.RoleAdd(ctx, name)
	}
	if err == nil {
		_, err = client.RoleGrantPermission(ctx, name, prefix, clientv3.GetPrefixRangeEnd(prefix), may)
	}
	if err == nil {
		_, err = client.UserGrantRole(ctx, name, name)
	}
	if err != nil {
		t.Fatal(err)
	}
}
