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
	"os/exec"
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
	size   = 3 // members, and gateways
	prefix = "/fleet/"
	token  = "token-of-this-test"
)

// The tenants. Each is at its id with .test behind it.
const (
	registers = "registers" // one web integration that all write to
	lists     = "lists"     // many, each of which one worker writes to
)

// fleet is three members of a cluster and three gateways, every one a process.
type fleet struct {
	*testing.T
	dir      string // of everything that they keep
	members  []*process
	clients  []string // where the members' clients go, HOST:PORT
	gateways []*gateway
	etcd     *clientv3.Client // goes to the members directly
	began    time.Time
	host     string // of all addresses
	ports    map[int]bool

	mu    sync.Mutex
	wrong int
}

// setup is what is told to all gateways of a fleet.
type setup struct {
	cached  int      // lists at most
	ways    int      // relays to each member
	quota   int64    // of each member, bytes; 0 is etcd's own
	tenants []string // beside those that have a name here
}

// newFleet starts one that ends with t.
func newFleet(t *testing.T, s setup) *fleet {
	f := &fleet{T: t, dir: workDir(t), began: time.Now(), host: hostOfLoopback(), ports: map[int]bool{}}
	f.build("originwarden", "../../../..", "./cmd/originwarden")
	f.build("member", "..", "./member")
	starts := newStarter(t)
	f.addMembers(starts, s.quota)
	f.each(func(i int) error { return f.members[i].start() })
	var err error
	f.etcd, err = clientv3.New(clientv3.Config{Endpoints: f.clients, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.etcd.Close() })
	tenant := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(tenant.Close)
	for i := range size {
		f.addGateway(i, starts, tenant.URL, s)
	}
	f.each(func(i int) error { return f.gateways[i].start() })
	return f
}

// answer is what every tenant answers. It takes no notice of what a WebSocket
// says.
func answer(w http.ResponseWriter, r *http.Request) {
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

// workDir returns a folder that is kept when the test fails.
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
			t.Logf("logs and data are kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

func (f *fleet) path(elements ...string) string {
	return filepath.Join(append([]string{f.dir}, elements...)...)
}

func (f *fleet) build(name, module, what string) {
	command := exec.Command("go", "build", "-o", f.path(name), what)
	command.Dir = module
	if text, err := command.CombinedOutput(); err != nil {
		f.Fatalf("building %s: %v\n%s", what, err, text)
	}
}

// address returns one on which nobody listens. Every fleet has a host of its own
// on loopback, and the ports are not among those that the system gives to those
// who connect: an address stays free when the process that had it is restarted.
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
	f.Fatal("there is no free port")
	return ""
}

// hostOfLoopback returns one of 16 million at random, where the system has more
// than one.
func hostOfLoopback() string {
	host := fmt.Sprintf("127.%d.%d.%d", rand.IntN(256), rand.IntN(256), 2+rand.IntN(253))
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		return "127.0.0.1"
	}
	_ = l.Close()
	return host
}

func (f *fleet) addMembers(starts starter, quota int64) {
	var peers, initial []string
	for i := range size {
		peers, f.clients = append(peers, f.address()), append(f.clients, f.address())
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, peers[i]))
	}
	for i := range size {
		name := fmt.Sprintf("m%d", i)
		f.members = append(f.members, &process{
			starts: starts, path: f.path("member"), ready: "ready", log: f.path(name + ".log"),
			args: []string{"-name", name, "-dir", f.path(name), "-client", "http://" + f.clients[i], "-peer", "http://" + peers[i],
				"-initial", strings.Join(initial, ","), "-token", f.dir, "-fsync=false", "-quota", fmt.Sprint(quota)}, // the machine stays on
		})
	}
}

func (f *fleet) addGateway(i int, starts starter, upstream string, s setup) {
	g := &gateway{name: fmt.Sprintf("g%d", i), listen: f.address(), admin: f.address(), known: time.Now()}
	var endpoints []string
	for way := range s.ways * size {
		r := newRelay(f, f.address(), f.clients[way%size])
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
		starts: starts, path: f.path("originwarden"), args: []string{"serve", "--config", file},
		ready: "originwarden ready", log: f.path(g.name + ".log"),
	}
	g.connect()
	f.gateways = append(f.gateways, g)
}

// each does something for all members, or all gateways, at once.
func (f *fleet) each(do func(i int) error) {
	f.Helper()
	errs := make([]error, size)
	var all sync.WaitGroup
	for i := range size {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
}

const mostTold = 30

// isWrong says what must not be, a number of times.
func (f *fleet) isWrong(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong++
	switch {
	case f.wrong <= mostTold:
		f.Errorf("%6.2fs: "+format, append([]any{time.Since(f.began).Seconds()}, args...)...)
	case f.wrong == mostTold+1:
		f.Error("and more")
	}
}

// tell logs what happens, with its time.
func (f *fleet) tell(format string, args ...any) {
	f.Logf("%6.2fs: "+format, append([]any{time.Since(f.began).Seconds()}, args...)...)
}

// head returns the store's revision.
func (f *fleet) head(ctx context.Context) (uint64, error) {
	got, err := f.etcd.Get(ctx, prefix+"head")
	if err != nil || len(got.Kvs) == 0 {
		return 0, fmt.Errorf("reading the store's revision: %d, %w", len(got.Kvs), err)
	}
	return uint64(got.Kvs[0].ModRevision), nil
}

// leader returns the number of the leader, or -1.
func (f *fleet) leader() int {
	for i, address := range f.clients {
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		is, err := f.etcd.Status(ctx, address)
		cancel()
		if err == nil && is.Leader == is.Header.MemberId {
			return i
		}
	}
	return -1
}
