//go:build linux

package upgrade_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"originwarden/api/client"
	"originwarden/store/etcd/etcdtest"
)

const prefix = "/fleet/"

func TestUpgrade(t *testing.T) {
	b := build(t)
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); upgradesSQLite(t, b) })
	t.Run("MixedFleet", func(t *testing.T) { t.Parallel(); servesMixedFleet(t, b) })
	t.Run("ListsOnDisk", func(t *testing.T) { t.Parallel(); startsFromListsOfOtherBuild(t, b) })
}

// startStore starts a cluster for one store, and returns its URL.
func startStore(t *testing.T) (c *etcdtest.Cluster, url string) {
	c = etcdtest.StartCluster(t, 1, nil)
	return c, "etcd://" + c.Endpoints()[0] + prefix
}

// Gateways of both builds share a cluster. Each follows the writes of the other; only
// the history and the refused origins lack what the earlier build has done.
func servesMixedFleet(t *testing.T, b builds) {
	cluster, url := startStore(t)
	config := writeConfig(t, url)
	earlier := start(t, b.earlier, config)
	shop := earlier.create("Shop", "https://a.example")
	current := start(t, b.current, config)
	both := []*gateway{earlier, current}
	wantAllowed(t, b, shop.Revision, map[string]bool{"https://a.example": true, "https://evil.example": false}, both...)

	added := current.set(shop.ID, "https://a.example", "https://b.example")
	wantAllowed(t, b, added, map[string]bool{"https://a.example": true, "https://b.example": true}, both...)
	revoked := earlier.set(shop.ID, "https://b.example", "https://c.example")
	wantAllowed(t, b, revoked, map[string]bool{"https://a.example": false, "https://b.example": true, "https://c.example": true}, both...)
	if got, want := current.history(), []string{"updated Shop by ops"}; !slices.Equal(got, want) {
		t.Errorf("history %q, want the write of the current build: %q", got, want)
	}

	current.undo(b, fmt.Sprint(added), "")
	undone := current.create("Portal", "https://portal.example")
	wantAllowed(t, b, undone.Revision, map[string]bool{"https://b.example": false, "https://c.example": true}, both...)

	// An undo of the creation would also undo a write that the history does not have.
	edited := earlier.set(undone.ID, "https://portal.example", "https://d.example")
	wantAllowed(t, b, edited, map[string]bool{"https://d.example": true}, both...)
	current.undo(b, fmt.Sprint(undone.Revision), "the web integration was changed again later")
	wantAllowed(t, b, edited, map[string]bool{"https://d.example": true}, both...)

	written := current.listed()
	current.stop() // which writes the refused origins
	wantKeys(t, cluster, "x/refusals/", "acme")
	wantKeys(t, cluster, "x/gateways/") // the heartbeats of current builds that run
	if got := earlier.listed(); got != written {
		t.Errorf("after the rollback: %s\nwant %s", got, written)
	}
	last := earlier.set(shop.ID, "https://z.example")
	current = start(t, b.current, config)
	wantAllowed(t, b, last, map[string]bool{"https://z.example": true, "https://c.example": false}, earlier, current)
	if n := len(current.history()); n != 3 {
		t.Errorf("%d records after another upgrade, want 3: %q", n, current.history())
	}
	refused, err := current.api().RefusedOrigins(t.Context(), client.RefusedQuery{})
	if err != nil || !slices.ContainsFunc(refused.Data, func(r client.RefusedOrigin) bool { return r.Origin == "https://evil.example" && r.Count == 1 }) {
		t.Errorf("refused origins %+v, %v; want https://evil.example, once: the earlier build counts none", refused.Data, err)
	}
	refusesNewerLayout(t, b, cluster, config, current)
}

// undo undoes a change by the command of the current build. It must fail if problem is
// not "".
func (g *gateway) undo(b builds, revision, problem string) {
	g.Helper()
	status := 0
	if problem != "" {
		status = 1
	}
	text := command(g.T, status, b.current, "web-integration", "undo", revision, "--server", "http://"+g.listen, "--host", "acme.test")
	if !strings.Contains(text, problem) {
		g.Errorf("undoing %s: %s\nwant %s", revision, text, problem)
	}
}

// wantKeys checks which keys there are below the store's prefix and another one.
func wantKeys(t *testing.T, c *etcdtest.Cluster, below string, want ...string) {
	t.Helper()
	got, err := connect(t, c).Get(t.Context(), prefix+below, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, kv := range got.Kvs {
		keys = append(keys, strings.TrimPrefix(string(kv.Key), prefix+below))
	}
	if !slices.Equal(keys, want) {
		t.Errorf("keys below %s: %q, want %q", below, keys, want)
	}
}

func connect(t *testing.T, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = etcd.Close() })
	return etcd
}

// refusesNewerLayout checks what a gateway does when a later build changes the layout of
// its store: one that runs keeps its lists and takes no writes, and none starts.
func refusesNewerLayout(t *testing.T, b builds, c *etcdtest.Cluster, config string, running *gateway) {
	lists := filepath.Join(t.TempDir(), "lists.jsonl")
	command(t, 0, b.current, "export", "--config", config, "--output", lists)
	if _, err := connect(t, c).Put(t.Context(), prefix+"identity", `{"store":"newer","layout":2}`); err != nil {
		t.Fatal(err)
	}
	if _, err := running.api().Create(t.Context(), "Late", []string{"https://late.example"}); err == nil {
		t.Error("a gateway writes to a store of a newer layout")
	}
	if status := running.status("https://z.example"); status != 200 {
		t.Errorf("status %d for an origin that is listed, want 200", status)
	}
	const want = "the layout is version 2, written by a newer originwarden; this one supports 1"
	if text := command(t, 1, b.current, "serve", "--config", config); !strings.Contains(text, want) {
		t.Errorf("serve: %s\nwant %s", text, want)
	}
	for _, args := range [][]string{{"export"}, {"import", lists}, {"import", "--dry-run", lists}} {
		if text := command(t, 1, b.current, append(args, "--config", config)...); !strings.Contains(text, want) {
			t.Errorf("%q: %s\nwant %s", args, text, want)
		}
	}
	earlier := start(t, b.earlier, config)
	if r := earlier.readiness(); r.Ready || !strings.Contains(earlier.logged(), "the layout is version 2") {
		t.Errorf("the earlier build, without lists on disk: %+v\n%s", r, earlier.logged())
	}
}

// While etcd is unavailable, each build starts with the lists that the other one has
// saved.
func startsFromListsOfOtherBuild(t *testing.T, b builds) {
	cluster, url := startStore(t)
	configs := map[string]string{}
	for _, path := range []string{b.earlier, b.current} {
		dir := filepath.Join(t.TempDir(), "lists")
		configs[path] = writeConfig(t, url, fmt.Sprintf("cache: {snapshot_dir: %q}", dir))
	}
	var revision uint64
	for path, config := range configs {
		g := start(t, path, config)
		revision = g.create("Shop", "https://a.example").Revision
		wantAllowed(t, b, revision, map[string]bool{"https://a.example": true}, g)
		g.stop()
	}
	cluster.Stop()
	// Both wait five seconds for etcd.
	gateways := []*gateway{launch(t, b.earlier, configs[b.current]), launch(t, b.current, configs[b.earlier])}
	for _, g := range gateways {
		g.awaitReady()
		if r := g.readiness(); !r.Ready {
			t.Errorf("%s is not ready with the lists of the other build: %+v\n%s", g.command.Path, r, g.logged())
		}
		if allowed, refused := g.status("https://a.example"), g.status("https://evil.example"); allowed != 200 || refused != 403 {
			t.Errorf("%s: statuses %d and %d, want 200 and 403", g.command.Path, allowed, refused)
		}
	}
}
