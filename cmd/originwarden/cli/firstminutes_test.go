package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"originwarden/store/sqlite"
)

func TestServe_ListsOriginsAtTheStart(t *testing.T) {
	env, state, _ := user(t)
	revision := 0
	for _, row := range []struct {
		rule    string
		args    []string
		listed  string
		refused string
		wrote   bool
	}{
		{"nothing is listed", nil, "", "https://a.example", false},
		{"each that is named", []string{"--origin", "https://A.example", "--origin", "https://b.example,https://c.example"}, "https://a.example https://b.example https://c.example", "https://d.example", true},
		{"and stays so", nil, "https://a.example https://b.example https://c.example", "https://d.example", false},
		{"the same again is no change", []string{"--origin", "https://A.example,https://b.example,https://c.example"}, "https://a.example", "https://d.example", false},
		{"others take their place", []string{"--origin", "https://d.example"}, "https://d.example", "https://a.example https://b.example", true},
	} {
		r := upstreamOnly(t, env, row.args...)
		for origins, want := range map[string]int{row.listed: 200, row.refused: 403} {
			for _, origin := range strings.Fields(origins) {
				if response, _ := send(t, "GET", r.tenants, "", "Origin: "+origin); response.StatusCode != want {
					t.Errorf("%s: %s: %s", row.rule, origin, response.Status)
				}
			}
		}
		r.end(t)
		if row.wrote {
			revision++
		}
		if got := revisionIn(t, filepath.Join(state, "originwarden", "originwarden.db")); got != revision {
			t.Errorf("%s: revision %d, want %d", row.rule, got, revision)
		}
	}
}

// revisionIn is that of the lists in a file.
func revisionIn(t *testing.T, file string) int {
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

func TestServe_TellsWhoBeginsWhatComesNext(t *testing.T) {
	env, state, _ := user(t)
	env.StderrIsTerminal, env.Program = true, "originwarden"
	r := upstreamOnly(t, env)
	r.await(t, r.stderr, `Ctrl-C stops`)
	r.await(t, r.stderr, `\tinfo\tready\t{`) // the log is written by itself
	text := r.stderr.String()
	token := filepath.Join(state, "originwarden", adminTokenName)
	if !strings.Contains(text, "and an administrator's token in "+token+".\n") {
		t.Errorf("it tells\n%s", text)
	}
	if strings.Count(r.stdout.String(), "\n") != 1 {
		t.Errorf("standard output is\n%s", r.stdout)
	}
	const page = "Origin: http://localhost:5173"
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 403 {
		t.Errorf("before: %s", response.Status)
	}
	var did []string
	for _, command := range regexp.MustCompile(`(?m)^  originwarden (.*)$`).FindAllStringSubmatch(text, -1) {
		args := strings.Fields(strings.ReplaceAll(command[1], `"my page"`, "page"))
		status, stdout, stderr := execution(t, Environment{}, args...)
		if status != exitDone || stderr != "" {
			t.Errorf("%q: exit status %d\n%s", args, status, stderr)
		}
		did = append(did, stdout)
	}
	if len(did) != 2 || !strings.Contains(did[1], "http://localhost:5173") {
		t.Errorf("its commands print %q", did)
	}
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("afterwards: %s", response.Status)
	}
	r.end(t)
}

// Whoever has named origins is neither told that none is listed nor how to name
// them.
func TestServe_TellsNothingOfOriginsToWhoHasNamedThem(t *testing.T) {
	for _, row := range []struct {
		rule  string
		args  []string
		hints bool
	}{
		{"none", nil, true},
		{"some", []string{"--origin", "http://localhost:5173"}, false},
	} {
		env, _, _ := user(t)
		env.StderrIsTerminal = true
		r := upstreamOnly(t, env, row.args...)
		r.await(t, r.stderr, `Ctrl-C stops`)
		r.await(t, r.stderr, `\tinfo\tready\t{`)
		text := r.stderr.String()
		for _, hint := range []string{"no origin is listed", "To list an origin at the start", "list the origin of your page"} {
			if strings.Contains(text, hint) != row.hints {
				t.Errorf("%s: %q is told: %v\n%s", row.rule, hint, !row.hints, text)
			}
		}
		if !strings.Contains(text, " web-integration create ") || !strings.Contains(text, " refused --server ") {
			t.Errorf("%s: it tells\n%s", row.rule, text)
		}
		r.end(t)
	}
}

func TestServe_WarnsOfAnotherStoreBesideItsOrigins(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir, "list.db")
	cfg := writeConfig(t, oneTenant(upstream(t, hello), "store: {url: 'sqlite:"+filepath.Join(dir, "lists.db")+"'}"))
	r := start(t, Environment{}, "serve", "--config", cfg, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--origin", "https://a.example")
	found := r.await(t, r.stderr, `"level":"warn","ts":"[^"]*","msg":"the store is new and has only the origins of --origin","store":"[^"]*","before":"([^"]*)"`)
	if want := filepath.Join(dir, "list.db") + " is beside it"; found[1] != want {
		t.Errorf("it warns of %q, want %q", found[1], want)
	}
	r.end(t)
}

func TestServe_TellsProgramsNothingMore(t *testing.T) {
	env, _, _ := user(t)
	configured := []string{"serve", "--config", writeConfig(t, oneTenant("http://127.0.0.1:1")), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	without := []string{"serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	for _, row := range []struct {
		rule     string
		terminal bool
		args     []string
		console  bool
		guide    bool
	}{
		{"no terminal", false, without, false, false},
		{"a terminal", true, without, true, true},
		{"a terminal and a configuration", true, configured, true, false},
		{"JSON on a terminal", true, append(without, "--log-format", "json"), false, true},
		{"text for people elsewhere", false, append(configured, "--log-format", "console"), true, false},
		{"auto elsewhere", false, append(configured, "--log-format=auto"), false, false},
	} {
		env.StderrIsTerminal = row.terminal
		r := start(t, env, row.args...)
		r.await(t, r.stdout, readyLine)
		r.end(t)
		text := r.stderr.String()
		if console := strings.Contains(text, "\tinfo\tready\t{"); console != row.console || strings.Contains(text, `"msg":"ready"`) == row.console {
			t.Errorf("%s: the log is\n%s", row.rule, text)
		}
		if strings.Contains(text, "web-integration create") != row.guide {
			t.Errorf("%s: it tells\n%s", row.rule, text)
		}
	}
}

func TestServe_TellsAtOnceThatItsDatabaseIsInUse(t *testing.T) {
	env, _, _ := user(t)
	first := upstreamOnly(t, env)
	args := []string{"serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	env.StderrIsTerminal = true
	began := time.Now()
	status, stdout, stderr := execution(t, env, args...)
	if status != exitFailed || stdout != "" || !strings.HasSuffix(stderr, "it is in use by another process, perhaps another gateway: stop that one, or keep the lists of this one elsewhere with --data or --store\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	if waited := time.Since(began); waited > 4*time.Second { // of the five that it has otherwise
		t.Errorf("after %v", waited)
	}
	env.StderrIsTerminal = false // as a unit that takes over
	second := start(t, env, args...)
	second.await(t, second.stderr, `"msg":"the database is in use by another process: waiting for it to end"`)
	first.end(t)
	second.await(t, second.stdout, readyLine)
	second.end(t)
}
