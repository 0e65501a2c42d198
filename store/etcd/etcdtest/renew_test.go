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

// TestStore_RenewsAccess changes the password, and then the authority of the cluster's
// certificates, while the store stays open.
func TestStore_RenewsAccess(t *testing.T) {
	t.Parallel()
	old, next := newAuthority(t), newAuthority(t)
	old.issueLeaf(t, "server")
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.TLS = &transport.TLSInfo{CertFile: old.file("server.pem"), KeyFile: old.file("server.key")}
		m.Adjust = func(c *embed.Config) { c.BcryptCost = 4 }
	})
	o := newOptions(c)
	o.TLS = &tls.Config{RootCAs: old.pool(t)}
	enableAuth(t, c, o.TLS, key(o, ""))
	o.Username, o.Password = "originwarden", "secret"
	s := openStore(t, o)
	w := create(t, s, newIntegration("acme", "one"))
	revisionsUntil := collectRevisions(t, s)

	wantRenew(t, s, etcd.Access{Username: "originwarden", Password: "guess", TLS: o.TLS}, "authentication failed")
	edit(t, s, w)
	changePassword(t, c, o.TLS, "another")
	if _, err := s.Edit(withTimeout(t, 5*time.Second), "acme", w.ID, addOrigin("https://a.example")); err == nil {
		t.Error("Edit with the old password returned no error")
	}
	wantRenew(t, s, etcd.Access{Username: "originwarden", Password: "another", TLS: o.TLS}, "")
	edit(t, s, w)

	renewed := etcd.Access{Username: "originwarden", Password: "another", TLS: &tls.Config{RootCAs: next.pool(t)}}
	wantRenew(t, s, renewed, "unknown authority")
	next.dir = old.dir // the member reads its certificate there for every connection
	next.issueLeaf(t, "server")
	wantRenew(t, s, renewed, "")
	last := edit(t, s, w)
	if all := revisionsUntil(last); all[len(all)-1] != last {
		t.Errorf("the feed has the revisions %d, want the last to be %d", all, last)
	}
}

// A watch must not go on with the old access.
func TestStore_EndsWatchWhenAccessIsRenewed(t *testing.T) {
	t.Parallel()
	s := openStore(t, newOptions(etcdtest.StartCluster(t, 1, nil)))
	w := create(t, s, newIntegration("acme", "one"))
	seen, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() {
		ended <- s.Watch(t.Context(), w.Revision-1, func([]origins.Change) { seen <- struct{}{} })
	}()
	<-seen
	wantRenew(t, s, etcd.Access{}, "")
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
	case <-withTimeout(t, 10*time.Second).Done():
		t.Error("Watch did not end after Renew")
	}
}

// wantRenew renews the access. The error must contain why; if why is "", there must be
// none.
func wantRenew(t *testing.T, s *etcd.Store, a etcd.Access, why string) {
	t.Helper()
	err := s.Renew(withTimeout(t, 5*time.Second), a)
	if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
		t.Errorf("Renew: %v, want %q", err, why)
	}
}

func edit(t *testing.T, s store.Store, w store.WebIntegration) (revision uint64) {
	t.Helper()
	got, err := s.Edit(withTimeout(t, 5*time.Second), w.TenantID, w.ID, addOrigin("https://a.example"))
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
	if _, err := root.UserChangePassword(withTimeout(t, 5*time.Second), "originwarden", to); err != nil {
		t.Fatal(err)
	}
}
