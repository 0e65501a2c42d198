package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestStateDirectory_FollowsPlatformConvention(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths differ")
	}
	for _, row := range []struct {
		rule, system string
		env          map[string]string
		want         string
	}{
		{"home directory", "linux", map[string]string{"HOME": "/home/u"}, "/home/u/.local/state/originwarden"},
		{"home directory on FreeBSD", "freebsd", map[string]string{"HOME": "/home/u"}, "/home/u/.local/state/originwarden"},
		{"macOS", "darwin", map[string]string{"HOME": "/Users/u"}, "/Users/u/Library/Application Support/originwarden"},
		{"Windows", "windows", map[string]string{"LocalAppData": "/C/u", "HOME": "/home/u"}, "/C/u/originwarden"},
		{"XDG_STATE_HOME", "linux", map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "/state"}, "/state/originwarden"},
		{"XDG_STATE_HOME on macOS", "darwin", map[string]string{"HOME": "/Users/u", "XDG_STATE_HOME": "/state"}, "/state/originwarden"},
		{"relative XDG_STATE_HOME", "linux", map[string]string{"HOME": "/home/u", "XDG_STATE_HOME": "state"}, "/home/u/.local/state/originwarden"},
		{"STATE_DIRECTORY over XDG_STATE_HOME", "linux", map[string]string{"HOME": "/", "XDG_STATE_HOME": "/state", "STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"},
		{"empty environment", "linux", nil, ""},
		{"relative home directory", "linux", map[string]string{"HOME": "home"}, ""},
	} {
		if got := stateDirectory(row.system, func(name string) string { return row.env[name] }); got != row.want {
			t.Errorf("%s: %q, want %q", row.rule, got, row.want)
		}
	}
}

// userEnvironment returns an environment with a state directory, and changes to a
// new working directory, project.
func userEnvironment(t *testing.T) (env Environment, state, project string) {
	t.Helper()
	state, project = t.TempDir(), t.TempDir()
	t.Chdir(project)
	return Environment{Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": state}[name] }}, state, project
}

// startWithoutConfig starts serve without a configuration file.
func startWithoutConfig(t *testing.T, env Environment, more ...string) *runningCommand {
	t.Helper()
	args := []string{"serve", "--upstream", startServer(t, hello), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	r := startCommand(t, env, append(args, more...)...)
	found := r.await(t, r.stdout, readyLine)
	r.tenants, r.admin = "http://"+found[1], "http://"+found[2]
	return r
}

// expectStop stops the command, which must exit with status 0.
func (r *runningCommand) expectStop(t *testing.T) {
	t.Helper()
	if status := r.stop(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
}

func fileNames(t *testing.T, dir string) string {
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

func TestServe_StoresListsInStateDirectory(t *testing.T) {
	env, state, project := userEnvironment(t)
	startWithoutConfig(t, env).expectStop(t)
	if left := fileNames(t, project); left != "" {
		t.Errorf("working directory has %s, want nothing", left)
	}
	dir := filepath.Join(state, "originwarden")
	if got := fileNames(t, dir); !strings.Contains(got, "originwarden.db") || !strings.Contains(got, adminTokenName) {
		t.Errorf("%s has %q", dir, got)
	}
	if is, err := os.Stat(dir); err != nil || is.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("directory mode: %v, %v", is.Mode(), err)
	}
}

func TestServe_UsesExistingListsInWorkingDirectory(t *testing.T) {
	env, state, project := userEnvironment(t)
	const page = "Origin: https://page.example"
	startWithoutConfig(t, Environment{}, "--origin", "https://page.example").expectStop(t) // without a state directory, as earlier versions
	if got := fileNames(t, project); !strings.Contains(got, "originwarden.db") {
		t.Fatalf("working directory has %s, want originwarden.db", got)
	}
	r := startWithoutConfig(t, env)
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 {
		t.Errorf("listed origin: %s", response.Status)
	}
	r.expectStop(t)
	dir := filepath.Join(state, "originwarden")
	if text := r.stderr.String(); !strings.Contains(text, `"msg":"using the lists in the working directory, where earlier versions stored them","file":"originwarden.db","fix":"move `) || !strings.Contains(text, dir) {
		t.Errorf("log lacks the location of the lists:\n%s", text)
	}
	if got := fileNames(t, state); got != "" {
		t.Errorf("state directory has %s, want nothing", got)
	}
	// The log advises to move the files.
	for _, name := range []string{"originwarden.db", adminTokenName} {
		os.MkdirAll(dir, 0o700)
		if err := os.Rename(name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r = startWithoutConfig(t, env)
	if response, _ := send(t, "GET", r.tenants, "", page); response.StatusCode != 200 || strings.Contains(r.stderr.String(), "earlier versions") {
		t.Errorf("after moving the files: %s\n%s", response.Status, r.stderr)
	}
	r.expectStop(t)
}

func TestServe_StoresListsAtConfiguredPath(t *testing.T) {
	env, state, project := userEnvironment(t)
	configured := writeConfig(t, tenantConfig("http://127.0.0.1:1"))
	for _, row := range []struct {
		rule string
		args []string
		at   string // path of the database in the working directory
	}{
		{"--data", []string{"--upstream", "http://127.0.0.1:1", "--data", filepath.Join("a", "b")}, filepath.Join("a", "b", "originwarden.db")},
		{"--data with a configuration without a store", []string{"--config", configured, "--data", "c"}, filepath.Join("c", "originwarden.db")},
		{"--store", []string{"--upstream", "http://127.0.0.1:1", "--store", "sqlite:lists.db"}, "lists.db"},
		{"configuration without a store", []string{"--config", configured}, "originwarden.db"},
	} {
		r := startCommand(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, row.args...)...)
		r.await(t, r.stdout, readyLine)
		r.expectStop(t)
		if _, err := os.Stat(filepath.Join(project, row.at)); err != nil || fileNames(t, state) != "" || strings.Contains(r.stderr.String(), "earlier versions") {
			t.Errorf("%s: %v, %q\n%s", row.rule, err, fileNames(t, state), r.stderr)
		}
	}
	const up = "serve --upstream http://127.0.0.1:1 "
	for args, want := range map[string]string{
		up + "--data= --check":                                              "--data must not be empty",
		up + "--data a --store sqlite:b.db --check":                         "[data store]",
		up + "--data a?b --check":                                           `--data: "sqlite:` + filepath.Join("a?b", "originwarden.db") + `" is not a store`,
		up + "--log-format xml --check":                                     `--log-format: "xml" is not one of json, console, auto`,
		up + "--origin x,https://a.test/p --check":                          "--origin: \"x\": ",
		up + "--origin https://a.test/p --check":                            "--origin: \"https://a.test/p\": ",
		"serve --origin https://a.test --config " + writeTwoTenantConfig(t): "--origin: the file has 2 tenants, so the flag is ambiguous",
	} {
		if status, stdout, stderr := runCommand(t, env, strings.Fields(args)...); status != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if status, _, stderr := runCommand(t, env, strings.Fields(up+"--data new --check")...); status != exitDone || strings.Contains(fileNames(t, project), "new") {
		t.Errorf("--check: exit status %d\n%s", status, stderr)
	}
}

func writeTwoTenantConfig(t *testing.T) string {
	return writeConfig(t, "tenants: [{id: a, hosts: [a.test], upstream: 'http://127.0.0.1:1'}, {id: b, hosts: [b.test], upstream: 'http://127.0.0.1:1'}]")
}

func TestServe_ReportsUnusableStateDirectory(t *testing.T) {
	env, state, _ := userEnvironment(t)
	if err := os.WriteFile(filepath.Join(state, "originwarden"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := runCommand(t, env, "serve", "--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	if status != exitFailed || stdout != "" || !strings.HasPrefix(lastLine(stderr), "originwarden: making the directory for the lists: mkdir "+state) || !strings.HasSuffix(stderr, ": name another one with --data\n") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}

// A missing directory that a start would create is valid; one that it cannot
// create is a mistake.
func TestServe_CheckTestsDirectoriesWithoutConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no directory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "originwarden.db"), []byte("no database\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ rule, state, data, stderr string }{
		{"missing directory", "", filepath.Join(dir, "a", "b"), ""},
		{"missing state directory", dir, "", ""},
		{"file instead of a directory", "", filepath.Join(file, "a"), "not a directory"},
		{"file instead of the state directory", file, "", "not a directory"},
		{"database with other content", "", dir, "not a SQLite database"},
	} {
		t.Chdir(t.TempDir())
		args := []string{"serve", "--check", "--upstream", "http://127.0.0.1:1"}
		if row.data != "" {
			args = append(args, "--data", row.data)
		}
		env := Environment{Getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": row.state}[name] }}
		status, _, stderr := runCommand(t, env, args...)
		if (status == 0) != (row.stderr == "") || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%s: exit status %d: %s", row.rule, status, stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
