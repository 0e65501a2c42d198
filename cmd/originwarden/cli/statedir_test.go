package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestStateDirectory_IsTheUsualOne(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has other paths")
	}
	for _, row := range []struct {
		rule, system string
		env          map[string]string
		want         string
	}{
		{"below the home directory", "linux", map[string]string{"HOME": "/home/u"}, "/home/u/.local/state/originwarden"},
		{"also elsewhere", "freebsd", map[string]string{"HOME": "/home/u"}, "/home/u/.local/state/originwarden"},
		{"on macOS", "darwin", map[string]string{"HOME": "/Users/u"}, "/Users/u/Library/Application Support/originwarden"},
		{"on Windows", "windows", map[string]string{"LocalAppData": "/C/u", "HOME": "/home/u"}, "/C/u/originwarden"},
		{"where the user says", "linux", map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "/state"}, "/state/originwarden"},
		{"on macOS too", "darwin", map[string]string{"HOME": "/Users/u", "XDG_STATE_HOME": "/state"}, "/state/originwarden"},
		{"a relative one is none", "linux", map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "state"}, "/home/u/.local/state/originwarden"},
		{"systemd's before the user's", "linux", map[string]string{"HOME": "/", "XDG_STATE_HOME": "/state", "STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"},
		{"there is none", "linux", nil, ""},
		{"a home that is none", "linux", map[string]string{"HOME": "home"}, ""},
	} {
		if got := stateDirectory(row.system, func(name string) string { return row.env[name] }); got != row.want {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}

// user is an environment with a directory for state, and starts in a project's
// folder that is empty.
func user(t *testing.T) (env Environment, state, project string) {
	t.Helper()
	state, project = t.TempDir(), t.TempDir()
	t.Chdir(project)
	return Environment{Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }}, state, project
}

// upstreamOnly starts serve without a configuration file.
func upstreamOnly(t *testing.T, env Environment, more ...string) *running {
	t.Helper()
	args := []string{"serve", "--upstream", upstream(t, hello), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	r := start(t, env, append(args, more...)...)
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin = "http://"+found[1], "http://"+found[2]
	return r
}

// end stops it, and fails the test if that fails.
func (r *running) end(t *testing.T) {
	t.Helper()
	if status := r.stop(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func TestServe_KeepsItsListsOutOfTheProject(t *testing.T) {
	env, state, project := user(t)
	upstreamOnly(t, env).end(t)
	if left := files(t, project); left != "" {
		t.Errorf("in the project's folder are %s", left)
	}
	dir := filepath.Join(state, "originwarden")
	if got := files(t, dir); !strings.Contains(got, "originwarden.db") || !strings.Contains(got, adminTokenName) {
		t.Errorf("in %s are %q", dir, got)
	}
	if is, err := os.Stat(dir); err != nil || is.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("its mode is %v, %v", is.Mode(), err)
	}
}

func TestServe_GoesOnWithListsInTheWorkingDirectory(t *testing.T) {
	env, state, project := user(t)
	const page = "Origin: https://page.example"
	upstreamOnly(t, Environment{}, "--origin", "https://page.example").end(t) // without a home, as versions before
	if got := files(t, project); !strings.Contains(got, "originwarden.db") {
		t.Fatalf("in the project's folder are %s", got)
	}
	r := upstreamOnly(t, env)
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("an origin that was listed before: %s", response.Status)
	}
	r.end(t)
	dir := filepath.Join(state, "originwarden")
	if text := r.stderr.String(); !strings.Contains(text, `"msg":"using the lists in the working directory, where earlier versions stored them","file":"originwarden.db","fix":"move `) || !strings.Contains(text, dir) {
		t.Errorf("it does not say so:\n%s", text)
	}
	if got := files(t, state); got != "" {
		t.Errorf("in the state directory are %s", got)
	}
	// What it says to do is what helps.
	for _, name := range []string{"originwarden.db", adminTokenName} {
		os.MkdirAll(dir, 0o700)
		if err := os.Rename(name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r = upstreamOnly(t, env)
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 || strings.Contains(r.stderr.String(), "earlier versions") {
		t.Errorf("after they were moved: %s\n%s", response.Status, r.stderr)
	}
	r.end(t)
}

func TestServe_KeepsItsListsWhereItIsTold(t *testing.T) {
	env, state, project := user(t)
	configured := writeConfig(t, oneTenant("http://127.0.0.1:1"))
	for _, row := range []struct {
		rule string
		args []string
		at   string // of the database, below the project's folder
	}{
		{"--data, which is made", []string{"--upstream", "http://127.0.0.1:1", "--data", filepath.Join("a", "b")}, filepath.Join("a", "b", "originwarden.db")},
		{"--data of a file without a store", []string{"--config", configured, "--data", "c"}, filepath.Join("c", "originwarden.db")},
		{"--store", []string{"--upstream", "http://127.0.0.1:1", "--store", "sqlite:lists.db"}, "lists.db"},
		{"a file's default", []string{"--config", configured}, "originwarden.db"},
	} {
		r := start(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, row.args...)...)
		r.await(t, r.stdout, readyLine)
		r.end(t)
		if _, err := os.Stat(filepath.Join(project, row.at)); err != nil || files(t, state) != "" || strings.Contains(r.stderr.String(), "earlier versions") {
			t.Errorf("%s: %v, %q\n%s", row.rule, err, files(t, state), r.stderr)
		}
	}
	const up = "serve --upstream http://127.0.0.1:1 "
	for args, want := range map[string]string{
		up + "--data= --check":                                    "--data must not be empty",
		up + "--data a --store sqlite:b.db --check":               "[data store]",
		up + "--data a?b --check":                                 `--data: "sqlite:` + filepath.Join("a?b", "originwarden.db") + `" is not a store`,
		up + "--log-format xml --check":                           `--log-format: "xml" is not one of json, console, auto`,
		up + "--origin x,https://a.test/p --check":                "--origin: \"x\": ",
		up + "--origin https://a.test/p --check":                  "--origin: \"https://a.test/p\": ",
		"serve --origin https://a.test --config " + twoTenants(t): "--origin: the file has 2 tenants, so the flag is ambiguous",
	} {
		if status, stdout, stderr := execution(t, env, strings.Fields(args)...); status != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if status, _, stderr := execution(t, env, strings.Fields(up+"--data new --check")...); status != exitDone || strings.Contains(files(t, project), "new") {
		t.Errorf("--check: exit status %d\n%s", status, stderr)
	}
}

func twoTenants(t *testing.T) string {
	return writeConfig(t, "tenants: [{id: a, hosts: [a.test], upstream: 'http://127.0.0.1:1'}, {id: b, hosts: [b.test], upstream: 'http://127.0.0.1:1'}]")
}

func TestServe_SaysWhereItCannotKeepItsLists(t *testing.T) {
	env, state, _ := user(t)
	if err := os.WriteFile(filepath.Join(state, "originwarden"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := execution(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	if status != exitFailed || stdout != "" || !strings.HasPrefix(lastLine(stderr), "originwarden: making the directory for the lists: mkdir "+state) || !strings.HasSuffix(stderr, ": name another one with --data\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// What a start would make is no mistake, and what it cannot make is one.
func TestServe_ChecksTheMachineWithoutAFileToo(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no directory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "originwarden.db"), []byte("no database\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ rule, state, data, stderr string }{
		{"a directory that is made", "", filepath.Join(dir, "a", "b"), ""},
		{"the user's own, that is made", dir, "", ""},
		{"a file in its way", "", filepath.Join(file, "a"), "not a directory"},
		{"a file in the way of the user's own", file, "", "not a directory"},
		{"a file of something else", "", dir, "not a SQLite database"},
	} {
		t.Chdir(t.TempDir())
		args := []string{"serve", "--check", "--upstream", "http://127.0.0.1:1"}
		if row.data != "" {
			args = append(args, "--data", row.data)
		}
		env := Environment{Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": row.state}[name] }}
		status, _, stderr := execution(t, env, args...)
		if (status == 0) != (row.stderr == "") || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d: %s", row.rule, status, stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}
