package cli

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"originwarden/api/client"
)

// TestServe_KeepsRefusedOriginsAfterKill kills a gateway once the refusals of ten
// seconds ago must be in its store.
func TestServe_KeepsRefusedOriginsAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "lists.db")
	launch := func() commandProcess {
		cmd := exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:"+file,
			"--config", writeConfig(t, tenantConfig(startServer(t, hello))))
		cmd.Env = []string{envRunCommand + "=1"}
		p := startProcess(t, cmd)
		found := p.await(t, p.stdout, readyLine)
		p.tenants, p.admin = "http://"+found[1], "http://"+found[2]
		return p
	}
	p := launch()
	for range 3 {
		send(t, "PUT", p.tenants+"/thing", "", "Origin: https://strange.example", "User-Agent: curl/8.5.0")
	}
	sent := time.Now()
	awaitRefusals(t, file, 3, sent.Add(11*time.Second)) // a moment more than ten seconds
	p.process.Kill()
	p.wait(t)

	p = launch()
	send(t, "GET", p.tenants+"/other", "", "Origin: https://strange.example", "User-Agent: node")
	p.await(t, p.stderr, `"path":"/other"`) // recorded, which may be after the response
	c := &client.Client{Server: p.tenants, Token: readAdminToken(t, dir)}
	got, err := c.RefusedOrigins(t.Context(), client.RefusedQuery{})
	if err != nil || len(got.Data) != 1 || got.Partial {
		t.Fatalf("after a restart: %+v, %v; want one origin", got, err)
	}
	if r := got.Data[0]; r.Origin != "https://strange.example" || r.Count != 4 || r.Method != "GET" || r.Path != "/other" || r.Agent != "node" || r.First.After(sent) {
		t.Errorf("after a restart: %+v, want a count of 4, and the last request", r)
	}
}

// awaitRefusals waits until the file has a count of refused requests.
func awaitRefusals(t *testing.T, file string, want int, deadline time.Time) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	for n := 0; n != want; {
		if err := db.QueryRowContext(ctx, "SELECT coalesce(sum(count), 0) FROM refusals").Scan(&n); err != nil {
			t.Fatalf("the file has %d refused requests, want %d: %v", n, want, err)
		}
	}
}

func TestServe_WritesRefusedOriginsWhenStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := launchGateway(t, Environment{}, dir, tenantConfig(startServer(t, hello)))
	send(t, "GET", r.tenants, "", "Origin: https://strange.example")
	if status := r.stop(t); status != exitDone {
		t.Fatalf("exit status %d", status)
	}
	awaitRefusals(t, filepath.Join(dir, "lists.db"), 1, time.Now().Add(time.Second))
}

func TestRefused_SelectsAndDismisses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startGateway(t, dir, tenantConfig(startServer(t, hello), "api: {rate_limits: {tier2: 0}}"))
	env := clientEnvironment(r.tenants, readAdminToken(t, dir))
	for _, origin := range []string{"https://strange.example", "https://ours.example", "null"} {
		send(t, "GET", r.tenants, "", "Origin: "+origin)
		r.await(t, r.stderr, `"origin":"`+origin+`"`) // recorded, which may be after the response
	}
	run := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := runCommand(t, env, append([]string{"refused"}, args...)...)
		if status != exitDone {
			t.Fatalf("%q: exit status %d\n%s", args, status, stderr)
		}
		return stdout
	}
	origins := func(args ...string) string { // in the order of their names: those of one second have no other
		t.Helper()
		return strings.Join(slices.Sorted(strings.FieldsSeq(run(append(args, "-q")...))), " ")
	}
	if got := run("dismiss", "https://strange.example"); got != "dismissed https://strange.example\n" {
		t.Errorf("dismiss printed %q", got)
	}
	for want, args := range map[string][]string{
		"https://ours.example null": nil,
		"null":                      {"--reason", "origin_opaque"},
		"https://strange.example":   {"--dismissed"},
		"":                          {"--since", time.Now().Add(time.Hour).Format(time.RFC3339)},
	} {
		if got := origins(args...); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
	if got := origins("--since", "1h"); got != "https://ours.example null" {
		t.Errorf("of the last hour: %q", got)
	}
	if got := run("restore", "https://strange.example", "--json"); !json.Valid([]byte(got)) {
		t.Errorf("restore printed %q", got)
	}
	if got := len(strings.Fields(origins())); got != 3 {
		t.Errorf("%d origins after the dismissal was undone, want 3", got)
	}
	c := &client.Client{Server: r.tenants, Token: readAdminToken(t, dir)}
	if _, err := c.Create(t.Context(), "n", []string{"https://ours.example"}); err != nil {
		t.Fatal(err)
	}
	if got := run(); !strings.Contains(got, "listed by now") {
		t.Errorf("an origin that is listed by now:\n%s", got)
	}
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{exitUsage, "neither a time", []string{"--since", "yesterday"}},
		{exitUsage, "neither a time", []string{"--since=-1h"}},
		{exitFailed, "reason", []string{"--reason", "nonsense"}},
		{exitFailed, "404", []string{"dismiss", "https://unknown.example"}},
		{exitUsage, "", []string{"dismiss"}},
		{exitUsage, "", []string{"restore", "a", "b"}},
		{exitUsage, "", []string{"forget"}},
	} {
		if status, _, stderr := runCommand(t, env, append([]string{"refused"}, c.args...)...); status != c.status || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit status %d, want %d\n%s", c.args, status, c.status, stderr)
		}
	}
}
