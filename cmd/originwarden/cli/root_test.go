package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// noListeners returns an environment that fails the test when a command listens.
func noListeners(t *testing.T) Environment {
	return Environment{Listen: func(_, address string) (net.Listener, error) {
		t.Errorf("command listens at %s", address)
		return nil, net.ErrClosed
	}}
}

func TestExecute_PrintsHelpAndUsageErrors(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string // a part, or "" for no output
	}{
		{"no command", nil, exitDone, "Available Commands:", ""},
		{"help", []string{"help"}, exitDone, "Available Commands:", ""},
		{"--help", []string{"serve", "--help"}, exitDone, "--admin-listen", ""},
		{"unknown command", []string{"frobnicate"}, exitUsage, "", `originwarden: unknown command "frobnicate" for "originwarden"` + "\nrun originwarden --help"},
		{"misspelled command", []string{"serv"}, exitUsage, "", `originwarden: unknown command "serv" for "originwarden"; did you mean serve?` + "\n"},
		{"command in the plural", []string{"web-integrations", "ls"}, exitUsage, "", `unknown command "web-integrations" for "originwarden"; did you mean web-integration?` + "\n"},
		{"unknown command with flags", []string{"deploy", "--file", "x"}, exitUsage, "", `unknown command "deploy" for "originwarden"`},
		{"unknown subcommand with flags", []string{"web-integration", "-s", "http://x", "list", "--limit", "3"}, exitUsage, "", `unknown command "list" for "originwarden web-integration"; did you mean ls?` + "\n"},
		{"synonym of a command", []string{"web-integration", "delete", "x"}, exitUsage, "", `unknown command "delete" for "originwarden web-integration"; did you mean rm?` + "\n"},
		{"help of an unknown command", []string{"help", "frobnicate"}, exitUsage, "", `unknown command "frobnicate" for "originwarden"`},
		{"help of an unknown subcommand", []string{"help", "web-integration", "lss"}, exitUsage, "", `unknown command "lss" for "originwarden web-integration"; did you mean ls?` + "\n"},
		{"completion of an unknown shell", []string{"completion", "tcsh"}, exitUsage, "", `unknown command "tcsh" for "originwarden completion"`},
		{"help of a command", []string{"help", "web-integration", "ls"}, exitDone, "--startingAfter", ""},
		{"unknown flag", []string{"serve", "--tls"}, exitUsage, "", "originwarden: unknown flag: --tls\nrun originwarden serve --help for usage\n"},
		{"flag without a value", []string{"serve", "--listen"}, exitUsage, "", "originwarden: flag needs an argument: --listen"},
		{"extra argument", []string{"serve", "x"}, exitUsage, "", `originwarden: serve takes no arguments, but got "x"` + "\n"},
		{"extra argument of version", []string{"version", "x"}, exitUsage, "", `version takes no arguments, but got "x"`},
		{"no tenants", []string{"serve"}, exitUsage, "", "there are no tenants: add one under tenants, or use --upstream\n"},
		{"invalid flag", []string{"serve", "--upstream", "x"}, exitUsage, "", `--upstream: "x" is not a URL such as http://127.0.0.1:3000, h2c://127.0.0.1:50051 or unix:/run/app.sock` + "\n"},
		{"invalid flag of the demo", []string{"demo", "--admin-listen", "x"}, exitUsage, "", `--admin-listen: admin.listen: "x" is not an address such as 127.0.0.1:8080 or :8080` + "\n"},
		{"empty id", []string{"web-integration", "get", ""}, exitUsage, "", "originwarden: get needs ID, but got an empty argument\n"},
		{"empty id among others", []string{"web-integration", "rm", "a", ""}, exitUsage, "", "originwarden: rm needs ID..., but got an empty argument\n"},
		{"version", []string{"version"}, exitDone, "originwarden ", ""},
		{"--version", []string{"--version"}, exitDone, thisBuild().String(), ""},
	} {
		env := noListeners(t)
		if c.args != nil && c.args[0] == "demo" {
			env.Listen = net.Listen // for the demo's upstream, which starts first
		}
		status, stdout, stderr := runCommand(t, env, c.args...)
		if status != c.status || !containsOrEmpty(stdout, c.stdout) || !containsOrEmpty(stderr, c.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", c.name, status, stdout, stderr)
		}
	}
}

func containsOrEmpty(whole, part string) bool {
	return whole == part || part != "" && strings.Contains(whole, part)
}

func TestServe_ReportsEveryConfigurationMistake(t *testing.T) {
	file := writeConfig(t, "listen: x\nunknown: 1\ntenants: [{id: a}]\n")
	for _, check := range [][]string{{"serve"}, {"serve", "--check"}} {
		status, stdout, stderr := runCommand(t, noListeners(t), append(check, "--config", file, "--mode", "x")...)
		want := file + `:1: listen: "x" is not an address such as 127.0.0.1:8080 or :8080` + "\n" +
			file + `:2: unknown key "unknown"` + "\n" +
			file + ":3: tenants[0] has no upstream\n" +
			`--mode: "x" is not one of enforce, headers, report` + "\n"
		if status != exitUsage || stdout != "" || stderr != want {
			t.Errorf("exit status %d, %q and\n%s", status, stdout, stderr)
		}
	}
}

func TestServe_CheckStartsNothing(t *testing.T) {
	valid, broken := writeConfig(t, tenantConfig("http://127.0.0.1:1")), writeConfig(t, "x: 1")
	for _, c := range []struct {
		name, env string
		args      []string
		status    int
	}{
		{"--config", "", []string{"--config", valid}, exitDone},
		{"ORIGINWARDEN_CONFIG", valid, nil, exitDone},
		{"ORIGINWARDEN_CONFIG with mistakes", broken, nil, exitUsage},
		{"--config over ORIGINWARDEN_CONFIG", broken, []string{"--config", valid}, exitDone},
		{"missing file", "", []string{"--config", filepath.Join(t.TempDir(), "missing")}, exitUsage},
		{"no file", "", []string{"--upstream", "http://127.0.0.1:1"}, exitDone},
	} {
		env := noListeners(t)
		env.Getenv = func(name string) string {
			if name == "ORIGINWARDEN_CONFIG" {
				return c.env
			}
			return ""
		}
		status, stdout, stderr := runCommand(t, env, append([]string{"serve", "--check", "--store", "sqlite:" + filepath.Join(t.TempDir(), "lists.db")}, c.args...)...)
		if status != c.status || (stdout == "configuration is valid\n") != (c.status == exitDone) {
			t.Errorf("%s: exit status %d, %q and\n%s", c.name, status, stdout, stderr)
		}
	}
}
