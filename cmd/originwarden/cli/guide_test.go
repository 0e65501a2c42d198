package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"originwarden/store/sqlite"
)

func TestServe_ListsOriginsOfFlag(t *testing.T) {
	env, state, _ := userEnvironment(t)
	revision := 0
	for _, row := range []struct {
		rule    string
		args    []string
		listed  string
		refused string
		wrote   bool
	}{
		{"no origins", nil, "", "https://a.example", false},
		{"several origins", []string{"--origin", "https://A.example", "--origin", "https://b.example,https://c.example"}, "https://a.example https://b.example https://c.example", "https://d.example", true},
		{"restart without the flag", nil, "https://a.example https://b.example https://c.example", "https://d.example", false},
		{"same origins again", []string{"--origin", "https://A.example,https://b.example,https://c.example"}, "https://a.example", "https://d.example", false},
		{"other origins", []string{"--origin", "https://d.example"}, "https://d.example", "https://a.example https://b.example", true},
	} {
		r := startWithoutConfig(t, env, row.args...)
		for origins, want := range map[string]int{row.listed: 200, row.refused: 403} {
			for _, origin := range strings.Fields(origins) {
				if response, _ := send(t, "GET", r.tenants, "", "Origin: "+origin); response.StatusCode != want {
					t.Errorf("%s: %s: %s", row.rule, origin, response.Status)
				}
			}
		}
		r.expectStop(t)
		if row.wrote {
			revision++
		}
		if got := storeRevision(t, filepath.Join(state, "originwarden", "originwarden.db")); got != revision {
			t.Errorf("%s: revision %d, want %d", row.rule, got, revision)
		}
	}
}

// storeRevision returns the revision of the store in a file.
func storeRevision(t *testing.T, file string) int {
	t.Helper()
	r, err := sqlite.OpenReader(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	position, _, err := r.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(position.Revision)
}

func TestServe_PrintsNextStepsOnTerminal(t *testing.T) {
	env, state, _ := userEnvironment(t)
	env.StderrIsTerminal, env.Program = true, "originwarden"
	r := startWithoutConfig(t, env)
	r.await(t, r.stderr, `Ctrl-C stops`)
	r.await(t, r.stderr, `\tinfo\tready\t{`) // the log is written concurrently
	text := r.stderr.String()
	token := filepath.Join(state, "originwarden", adminTokenName)
	if !strings.Contains(text, "and an administrator's token in "+token+".\n") {
		t.Errorf("guide lacks the token file:\n%s", text)
	}
	if strings.Count(r.stdout.String(), "\n") != 1 {
		t.Errorf("stdout has more than one line:\n%s", r.stdout)
	}
	const page = "Origin: http://localhost:5173"
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("before: %s", response.Status)
	}
	var printed []string
	for _, command := range regexp.MustCompile(`(?m)^  originwarden (.*)$`).FindAllStringSubmatch(text, -1) {
		args := strings.Fields(strings.ReplaceAll(command[1], `"my page"`, "page"))
		status, stdout, stderr := runCommand(t, Environment{}, args...)
		if status != exitDone || stderr != "" {
			t.Errorf("%q: exit status %d\n%s", args, status, stderr)
		}
		printed = append(printed, stdout)
	}
	if len(printed) != 2 || !strings.Contains(printed[1], "http://localhost:5173") {
		t.Errorf("commands of the guide print %q", printed)
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("afterwards: %s", response.Status)
	}
	r.expectStop(t)
}

// With --origin, the guide neither warns that no origin is listed nor explains
// how to list one.
func TestServe_PrintsNoOriginHintsWithOriginFlag(t *testing.T) {
	for _, row := range []struct {
		rule  string
		args  []string
		hints bool
	}{
		{"no origins", nil, true},
		{"--origin", []string{"--origin", "http://localhost:5173"}, false},
	} {
		env, _, _ := userEnvironment(t)
		env.StderrIsTerminal = true
		r := startWithoutConfig(t, env, row.args...)
		r.await(t, r.stderr, `Ctrl-C stops`)
		r.await(t, r.stderr, `\tinfo\tready\t{`)
		text := r.stderr.String()
		for _, hint := range []string{"no origin is listed", "To list an origin at the start", "list the origin of your page"} {
			if strings.Contains(text, hint) != row.hints {
				t.Errorf("%s: hint %q: %v, want %v\n%s", row.rule, hint, !row.hints, row.hints, text)
			}
		}
		if !strings.Contains(text, " web-integration create ") || !strings.Contains(text, " refused --server ") {
			t.Errorf("%s: guide lacks commands:\n%s", row.rule, text)
		}
		r.expectStop(t)
	}
}

func TestServe_WarnsAboutOtherStoreWithOriginFlag(t *testing.T) {
	dir := t.TempDir()
	createStore(t, dir, "list.db")
	cfg := writeConfig(t, tenantConfig(startServer(t, hello), "store: {url: 'sqlite:"+filepath.Join(dir, "lists.db")+"'}"))
	r := startCommand(t, Environment{}, "serve", "--config", cfg, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--origin", "https://a.example")
	found := r.await(t, r.stderr, `"level":"warn","ts":"[^"]*","msg":"the store is new and has only the origins of --origin","store":"[^"]*","before":"([^"]*)"`)
	if want := filepath.Join(dir, "list.db") + " is beside it"; found[1] != want {
		t.Errorf("warning names %q, want %q", found[1], want)
	}
	r.expectStop(t)
}

func TestServe_PrintsGuideOnlyWhereItHelps(t *testing.T) {
	env, _, _ := userEnvironment(t)
	configured := []string{"serve", "--config", writeConfig(t, tenantConfig("http://127.0.0.1:1")), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	without := []string{"serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	for _, row := range []struct {
		rule     string
		terminal bool
		args     []string
		console  bool
		guide    bool
	}{
		{"no terminal", false, without, false, false},
		{"terminal", true, without, true, true},
		{"terminal and configuration", true, configured, true, false},
		{"JSON on a terminal", true, append(without, "--log-format", "json"), false, true},
		{"console without a terminal", false, append(configured, "--log-format", "console"), true, false},
		{"auto without a terminal", false, append(configured, "--log-format=auto"), false, false},
	} {
		env.StderrIsTerminal = row.terminal
		r := startCommand(t, env, row.args...)
		r.await(t, r.stdout, readyLine)
		r.expectStop(t)
		text := r.stderr.String()
		if console := strings.Contains(text, "\tinfo\tready\t{"); console != row.console || strings.Contains(text, `"msg":"ready"`) == row.console {
			t.Errorf("%s: console log: %v, want %v\n%s", row.rule, console, row.console, text)
		}
		if strings.Contains(text, "web-integration create") != row.guide {
			t.Errorf("%s: guide printed: %v, want %v\n%s", row.rule, !row.guide, row.guide, text)
		}
	}
}

func TestServe_ReportsDatabaseInUse(t *testing.T) {
	env, _, _ := userEnvironment(t)
	first := startWithoutConfig(t, env)
	args := []string{"serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	env.StderrIsTerminal = true
	start := time.Now()
	status, stdout, stderr := runCommand(t, env, args...)
	if status != exitFailed || stdout != "" || !strings.HasSuffix(stderr, "it is in use by another process, perhaps another gateway: stop that one, or keep the lists of this one elsewhere with --data or --store\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if waited := time.Since(start); waited > 4*time.Second { // on a terminal it waits less than the usual 5s
		t.Errorf("failed after %v, want at most 4s", waited)
	}
	env.StderrIsTerminal = false // as a service that replaces another one
	second := startCommand(t, env, args...)
	second.await(t, second.stderr, `"msg":"the database is in use by another process: waiting for it to end"`)
	first.expectStop(t)
	second.await(t, second.stdout, readyLine)
	second.expectStop(t)
}
