package etcdtest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"originwarden/origins"
	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
)

// TestStore_RenewsItsAccess changes the password, and then the authority of the
// cluster's certificates, of a store that goes on.
func TestStore_RenewsItsAccess(t *testing.T) {
	t.Parallel()
	old, next := newAuthority(t), newAuthority(t)
	old.leaf(t, "server")
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.TLS = &transport.TLSInfo{CertFile: old.file("server.pem"), KeyFile: old.file("server.key")}
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	o := optionsOf(c)
	o.TLS = &tls.Config{RootCAs: old.pool(t)}
	enableAuth(t, c, o.TLS, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := open(t, o)
	w := create(t, s, entry("acme", "one"))
	fed := feedAll(t, s)

	wantRenewal(t, s, etcd.Access{Username: "originwarden", Password: "guess", TLS: o.TLS}, "authentication failed")
	edit(t, s, w)
	changePassword(t, c, o.TLS, "another")
	if _, err := s.Edit(within(t, 5*time.Second), "acme", w.ID, appending("https://a.example")); err == nil {
		t.Error("the old password is good for writes")
	}
	wantRenewal(t, s, etcd.Access{Username: "originwarden", Password: "another", TLS: o.TLS}, "")
	edit(t, s, w)

	renewed := etcd.Access{Username: "originwarden", Password: "another", TLS: &tls.Config{RootCAs: next.pool(t)}}
	wantRenewal(t, s, renewed, "unknown authority")
	next.dir = old.dir // where the member reads its certificate for every connection
	next.leaf(t, "server")
	wantRenewal(t, s, renewed, "")
	last := edit(t, s, w)
	if all := fed(last); all[len(all)-1] != last {
		t.Errorf("the feed has %d, not %d", all, last)
	}
}

// TestStore_WatchesAgainWithOtherCredentials says that a watch does not stay where
// the old access was good.
func TestStore_WatchesAgainWithOtherCredentials(t *testing.T) {
	t.Parallel()
	s := open(t, optionsOf(etcdtest.StartCluster(t, 1, nil)))
	w := create(t, s, entry("acme", "one"))
	seen, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() {
		ended <- s.Watch(t.Context(), w.Revision-1, func([]origins.Change) { seen <- struct{}{} })
	}()
	<-seen
	wantRenewal(t, s, etcd.Access{}, "")
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended with %v", err)
		}
	case <-within(t, 10*time.Second).Done():
		t.Error("the watch goes on as before")
	}
}

// wantRenewal renews the access. why is what the error says, or "" for none.
func wantRenewal(t *testing.T, s *etcd.Store, a etcd.Access, why string) {
	t.Helper()
	err := s.Renew(within(t, 5*time.Second), a)
	if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
		t.Errorf("Renew: %v, want %q", err, why)
	}
}

func edit(t *testing.T, s store.Store, w store.WebIntegration) (revision uint64) {
	t.Helper()
	got, err := s.Edit(within(t, 5*time.Second), w.TenantID, w.ID, appending("https://a.example"))
	if err != nil {
		t.Errorf("Edit: %v", err)
	}
	return got.Revision
}

func changePassword(t *testing.T, c *etcdtest.Cluster, secured *tls.Config, to string) {
	t.Helper()
	root, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: secured, Username: "root", Password: "secret", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := root.UserChangePassword(within(t, 5*time.Second), "originwarden", to); err != nil {
		t.Fatal(err)
	}
}
