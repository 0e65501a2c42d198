//go:build linux

package fleet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	fleetSize = 3 // number of members and of gateways
	prefix    = "/fleet/"
	token     = "token-of-this-test"
)

// The tenants. The host of each is its id with the suffix .test.
const (
	registers = "registers" // has one web integration per round, which all clients write to
	lists     = "lists"     // has many web integrations, each written by one owner
)

// fleet is a cluster of three members with three gateways. Each of them is a process.
type fleet struct {
	*testing.T
	dir      string // of all data, logs and configurations
	members  []*process
	clients  []string // client addresses of the members, HOST:PORT
	gateways []*gateway
	etcd     *clientv3.Client // connects to the members without relays
	start    time.Time
	host     string // host of all addresses
	ports    map[int]bool

	mu      sync.Mutex
	reports int
}

// setup is the configuration of a fleet.
type setup struct {
	cached          int      // maximum number of lists in a gateway
	relaysPerMember int      // for each gateway
	quota           int64    // of each member, in bytes; 0 is the default of etcd
	tenants         []string // in addition to registers and lists
}

// newFleet starts a fleet, which is stopped when t ends.
func newFleet(t *testing.T, s setup) *fleet {
	f := &fleet{T: t, dir: workDir(t), start: time.Now(), host: loopbackHost(), ports: map[int]bool{}}
	starter := newStarter(t)
	f.addMembers(starter, s.quota)
	f.forEach(func(i int) error { return f.members[i].start() })
	var err error
	f.etcd, err = clientv3.New(clientv3.Config{Endpoints: f.clients, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.etcd.Close() })
	tenant := httptest.NewServer(http.HandlerFunc(serveTenant))
	t.Cleanup(tenant.Close)
	for i := range fleetSize {
		f.addGateway(i, starter, tenant.URL, s)
	}
	f.forEach(func(i int) error { return f.gateways[i].start() })
	return f
}

// serveTenant is the upstream of every tenant. It accepts WebSockets and discards what
// they send.
func serveTenant(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		_, _ = io.WriteString(w, "hello")
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
}

// workDir returns a new directory, which is removed unless the test fails.
func workDir(t *testing.T) string {
	if artifacts := flag.Lookup("test.artifacts"); artifacts != nil && artifacts.Value.String() == "true" {
		return t.ArtifactDir()
	}
	dir, err := os.MkdirTemp("", "originwarden-fleet-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and data are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

func (f *fleet) path(elements ...string) string {
	return filepath.Join(append([]string{f.dir}, elements...)...)
}

// address returns a free address. Each fleet uses its own loopback host, and ports below
// the range of outgoing connections, so that an address stays free while the process
// that uses it restarts.
func (f *fleet) address() string {
	for range 1000 {
		port := 15000 + rand.IntN(15000)
		address := fmt.Sprintf("%s:%d", f.host, port)
		if f.ports[port] {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			f.ports[port] = true
			return address
		}
	}
	f.Fatal("no free port found")
	return ""
}

// loopbackHost returns a random address of 127.0.0.0/8, or 127.0.0.1 where the system has
// no others.
func loopbackHost() string {
	host := fmt.Sprintf("127.%d.%d.%d", rand.IntN(256), rand.IntN(256), 2+rand.IntN(253))
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return "127.0.0.1"
	}
	_ = l.Close()
	return host
}

func (f *fleet) addMembers(starter starter, quota int64) {
	var peers, initial []string
	for i := range fleetSize {
		peers, f.clients = append(peers, f.address()), append(f.clients, f.address())
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, peers[i]))
	}
	for i := range fleetSize {
		name := fmt.Sprintf("m%d", i)
		f.members = append(f.members, &process{
			starter: starter, path: program("member"), ready: "ready", log: f.path(name + ".log"),
			args: []string{"-name", name, "-dir", f.path(name), "-client", "http://" + f.clients[i], "-peer", "http://" + peers[i],
				"-initial", strings.Join(initial, ","), "-token", f.dir, "-fsync=false", "-quota", fmt.Sprint(quota)}, // no power failure is tested
		})
	}
}

func (f *fleet) addGateway(i int, starter starter, upstream string, s setup) {
	g := &gateway{name: fmt.Sprintf("g%d", i), listen: f.address(), admin: f.address(), lastFault: time.Now()}
	var endpoints []string
	for i := range s.relaysPerMember * fleetSize {
		r := newRelay(f, f.address(), f.clients[i%fleetSize])
		g.relays, endpoints = append(g.relays, r), append(endpoints, r.address)
	}
	var tenants strings.Builder
	for _, id := range slices.Concat(s.tenants, []string{registers, lists}) {
		fmt.Fprintf(&tenants, "\n  - {id: %[1]s, hosts: [%[1]s.test], upstream: %[2]q}", id, upstream)
	}
	hash := sha256.Sum256([]byte(token))
	config := fmt.Sprintf(`listen: %s
admin: {listen: "%s"}
tenants: %s
store: {url: "etcd://%s%s", timeout: %s}
cache: {snapshot_dir: "%s", tenants: %d}
api: {tokens: [{subject: fleet, tenant: "*", role: admin, sha256: "%s"}], rate_limits: {tier1: 0, tier2: 0, failed: 0}}
log: {access: false}
`, g.listen, g.admin, tenants.String(), strings.Join(endpoints, ","), prefix, storeTimeout, f.path(g.name+"-lists"), s.cached, hex.EncodeToString(hash[:]))
	file := f.path(g.name + ".yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		f.Fatal(err)
	}
	g.process = &process{
		starter: starter, path: program("originwarden"), args: []string{"serve", "--config", file},
		ready: "originwarden ready", log: f.path(g.name + ".log"),
	}
	g.connect()
	f.gateways = append(f.gateways, g)
}

// forEach calls do concurrently with the index of each member and gateway.
func (f *fleet) forEach(do func(i int) error) {
	f.Helper()
	errs := make([]error, fleetSize)
	var all sync.WaitGroup
	for i := range fleetSize {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
}

const maxReports = 30

// reportf reports an error of the fleet, up to maxReports times.
func (f *fleet) reportf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports++
	switch {
	case f.reports <= maxReports:
		f.Errorf("%6.2fs: "+format, append([]any{time.Since(f.start).Seconds()}, args...)...)
	case f.reports == maxReports+1:
		f.Error("more errors are not reported")
	}
}

// logf logs a message with the time since the start.
func (f *fleet) logf(format string, args ...any) {
	f.Logf("%6.2fs: "+format, append([]any{time.Since(f.start).Seconds()}, args...)...)
}

// storeRevision returns the revision of the store.
func (f *fleet) storeRevision(ctx context.Context) (uint64, error) {
	got, err := f.etcd.Get(ctx, prefix+"head")
	if err != nil || len(got.Kvs) == 0 {
		return 0, fmt.Errorf("reading the store's revision: %d, %w", len(got.Kvs), err)
	}
	return uint64(got.Kvs[0].ModRevision), nil
}

// leader returns the index of the leader, or -1 if it is unknown.
func (f *fleet) leader() int {
	for i, address := range f.clients {
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		status, err := f.etcd.Status(ctx, address)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return i
		}
	}
	return -1
}
