package etcdtest_test

import (
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store"
	"originwarden/store/etcd"
	"originwarden/store/etcd/etcdtest"
	"originwarden/store/storetest/fleettest"
)

var _ store.Fleet = (*etcd.Store)(nil)

func implementsFleetContract(t *testing.T, c *etcdtest.Cluster) {
	fleettest.Run(t, func(t *testing.T, limits store.Limits) (store.Store, func(*testing.T) store.Store) {
		o := newOptions(c)
		o.Limits = limits
		s := openStore(t, o)
		return s, func(t *testing.T) store.Store {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return openStore(t, o)
		}
	})
}

// newHeartbeat returns a heartbeat that confirms its revision now.
func newHeartbeat(gateway string) store.Heartbeat {
	now := time.Now().UTC()
	return store.Heartbeat{Gateway: gateway, Host: "host-1", Version: "1.2.3", Started: now, Beat: now, Confirmed: now}
}

func beat(t *testing.T, s *etcd.Store, h store.Heartbeat) {
	t.Helper()
	if err := s.Beat(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

func wantGateways(t *testing.T, s *etcd.Store, names ...string) {
	t.Helper()
	all, err := s.Gateways(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := len(all) == len(names)
	for i := range min(len(all), len(names)) {
		same = same && all[i].Gateway == names[i]
	}
	if !same {
		t.Errorf("the gateways are %+v, want %v", all, names)
	}
}

// gatewayKey reads the key of the only gateway of the store.
func gatewayKey(t *testing.T, client *clientv3.Client, o etcd.Options) (lease clientv3.LeaseID, etcdRevision, modRevision int64) {
	t.Helper()
	found, err := client.Get(t.Context(), "/"+o.Prefix+"/x/gateways/", clientv3.WithPrefix())
	if err != nil || len(found.Kvs) != 1 {
		t.Fatalf("%+v, %v; want the key of one gateway", found, err)
	}
	return clientv3.LeaseID(found.Kvs[0].Lease), found.Header.Revision, found.Kvs[0].ModRevision
}

// waitForLease waits until what is left of the lease, in seconds, is as wanted.
func waitForLease(t *testing.T, client *clientv3.Client, lease clientv3.LeaseID, isWanted func(left int64) bool) {
	t.Helper()
	for ctx := withTimeout(t, 10*time.Second); ; time.Sleep(100 * time.Millisecond) {
		left, err := client.TimeToLive(ctx, lease)
		if err != nil {
			t.Fatalf("the lease did not become as wanted: %v", err)
		}
		if isWanted(left.TTL) {
			return
		}
	}
}

// TestFleet_UsesNoSpaceWithoutNews counts etcd's revisions: each takes up space until the
// cluster is compacted.
func TestFleet_UsesNoSpaceWithoutNews(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o, client := newOptions(c), newClient(t, c)
	s := openStore(t, o)
	h := newHeartbeat("a")
	beat(t, s, h)
	lease, before, _ := gatewayKey(t, client, o)
	for range 5 {
		h.Beat, h.Confirmed = h.Beat.Add(10*time.Second), h.Confirmed.Add(9*time.Second)
		beat(t, s, h)
	}
	if _, after, _ := gatewayKey(t, client, o); after != before {
		t.Errorf("five heartbeats without news took %d revisions, want none", after-before)
	}
	h.InForce++
	beat(t, s, h)
	renewed, after, _ := gatewayKey(t, client, o)
	if after != before+1 {
		t.Errorf("a heartbeat with news took %d revisions, want 1", after-before)
	}
	if left, err := client.TimeToLive(t.Context(), renewed); err != nil || renewed == lease || left.GrantedTTL != 60 {
		t.Errorf("the lease is granted for %d seconds, %v; want 60", left.GrantedTTL, err)
	}
}

// TestFleet_OutlivesItsLease revokes leases, as etcd does with those of gateways that were
// unreachable for a minute.
func TestFleet_OutlivesItsLease(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o, client := newOptions(c), newClient(t, c)
	s := openStore(t, o)
	h := newHeartbeat("a")
	beat(t, s, h)
	lease, _, _ := gatewayKey(t, client, o)
	if _, err := client.Revoke(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	wantGateways(t, s)
	beat(t, s, h)
	wantGateways(t, s, "a")
	if _, err := client.Delete(t.Context(), "/"+o.Prefix+"/x/gateways/a"); err != nil {
		t.Fatal(err)
	}
	beat(t, s, h)
	wantGateways(t, s, "a")
}

// TestFleet_BeatsInFullCluster beats in a cluster whose space is left to removals, also
// with news. The lease must be renewed, so that the gateway stays in the fleet.
func TestFleet_BeatsInFullCluster(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, func(m *etcdtest.Member) {
		m.Adjust = func(c *embed.Config) { c.QuotaBackendBytes = 24 << 20 }
	})
	o, client := newOptions(c), newClient(t, c)
	s := openStore(t, o)
	h := newHeartbeat("a")
	beat(t, s, h)
	fillStore(t, s)
	beat(t, s, h)
	wantGateways(t, s, "a")
	fillCluster(t, c)
	lease, _, _ := gatewayKey(t, client, o)
	waitForLease(t, client, lease, func(left int64) bool { return left < 57 })
	h.InForce++
	h.Problems = []string{"no writes: the store has no space left"}
	err := s.Beat(t.Context(), h)
	if failed, ok := errors.AsType[*store.WriteError](err); !ok || failed.Cause != store.CauseNoSpace || !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Errorf("a heartbeat with news in a full cluster: error %v, want no space", err)
	}
	wantGateways(t, s, "a")
	waitForLease(t, client, lease, func(left int64) bool { return left >= 57 })
	waitForLease(t, client, lease, func(left int64) bool { return left < 57 })
	stale := h
	stale.Confirmed = h.Beat.Add(-time.Hour)
	if err := s.Beat(t.Context(), stale); err == nil {
		t.Error("a heartbeat with news in a full cluster: no error")
	}
	if left, err := client.TimeToLive(t.Context(), lease); err != nil || left.TTL >= 57 {
		t.Errorf("a heartbeat that confirms its revision was renewed by one that does not: %d seconds left, %v", left.TTL, err)
	}
	if err := s.Leave(t.Context(), "a"); err != nil {
		t.Errorf("Leave in a full cluster: %v", err)
	}
	wantGateways(t, s)
}

// TestFleet_IsNotWrittenToResetStore beats after the store was emptied.
func TestFleet_IsNotWrittenToResetStore(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 1, nil)
	o, client := newOptions(c), newClient(t, c)
	s := openStore(t, o)
	beat(t, s, newHeartbeat("a"))
	if _, err := client.Delete(t.Context(), "/"+o.Prefix, clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(t.Context(), newHeartbeat("a")); !errors.Is(err, store.ErrReset) {
		t.Errorf("error %v, want ErrReset", err)
	}
	if found, err := client.Get(t.Context(), "/"+o.Prefix, clientv3.WithPrefix()); err != nil || found.Count > 0 {
		t.Errorf("the reset store has %+v, %v", found, err)
	}
}

// TestFleet_CountsSilenceFromElection kills the leader after a gateway's last heartbeat.
// The new leader renews the lease once: then the silence grows again.
func TestFleet_CountsSilenceFromElection(t *testing.T) {
	t.Parallel()
	p := startProcessCluster(t)
	o, client := newOptions(p.Cluster), newClient(t, p.Cluster)
	s := openStore(t, o)
	beat(t, s, newHeartbeat("a"))
	lease, _, _ := gatewayKey(t, client, o)
	waitForLease(t, client, lease, func(left int64) bool { return left < 57 })
	p.kill(p.leader(t.Context()))
	lastBeat := func() time.Time {
		all, err := s.Gateways(withTimeout(t, 20*time.Second))
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v; want one gateway", all, err)
		}
		return all[0].Beat
	}
	elected := lastBeat()
	waitForLease(t, client, lease, func(left int64) bool { return left < 56 })
	if moved := lastBeat().Sub(elected); moved.Abs() > 2*time.Second {
		t.Errorf("the last heartbeat moved by %v without one", moved)
	}
}
