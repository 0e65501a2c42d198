package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// deaf is an environment in which nothing may be started.
func deaf(t *testing.T) Environment {
	return Environment{Listen: func(_, address string) (net.Listener, error) {
		t.Errorf("listens at %s", address)
		return nil, net.ErrClosed
	}}
}

func TestExecute_TellsHowItIsUsed(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string // a part; "" is nothing at all
	}{
		{"no command", nil, exitDone, "Available Commands:", ""},
		{"help", []string{"help"}, exitDone, "Available Commands:", ""},
		{"--help", []string{"serve", "--help"}, exitDone, "--admin-listen", ""},
		{"an unknown command", []string{"frobnicate"}, exitUsage, "", `originwarden: unknown command "frobnicate" for "originwarden"` + "\nrun originwarden --help"},
		{"one that is almost known", []string{"serv"}, exitUsage, "", `originwarden: unknown command "serv" for "originwarden"; did you mean serve?` + "\n"},
		{"one in the plural", []string{"web-integrations", "ls"}, exitUsage, "", `unknown command "web-integrations" for "originwarden"; did you mean web-integration?` + "\n"},
		{"one with its flags", []string{"apply", "--file", "x"}, exitUsage, "", `unknown command "apply" for "originwarden"`},
		{"one below another with its flags", []string{"web-integration", "-s", "http://x", "list", "--limit", "3"}, exitUsage, "", `unknown command "list" for "originwarden web-integration"; did you mean ls?` + "\n"},
		{"one by another word", []string{"web-integration", "delete", "x"}, exitUsage, "", `unknown command "delete" for "originwarden web-integration"; did you mean rm?` + "\n"},
		{"help of an unknown command", []string{"help", "frobnicate"}, exitUsage, "", `unknown command "frobnicate" for "originwarden"`},
		{"help of an unknown command below another", []string{"help", "web-integration", "lss"}, exitUsage, "", `unknown command "lss" for "originwarden web-integration"; did you mean ls?` + "\n"},
		{"completion of an unknown shell", []string{"completion", "tcsh"}, exitUsage, "", `unknown command "tcsh" for "originwarden completion"`},
		{"help of a command", []string{"help", "web-integration", "ls"}, exitDone, "--startingAfter", ""},
		{"an unknown flag", []string{"serve", "--tls"}, exitUsage, "", "originwarden: unknown flag: --tls\nrun originwarden serve --help for usage\n"},
		{"a flag without its value", []string{"serve", "--listen"}, exitUsage, "", "originwarden: flag needs an argument: --listen"},
		{"an argument too many", []string{"serve", "x"}, exitUsage, "", `originwarden: serve takes no arguments, but got "x"` + "\n"},
		{"an argument too many for version", []string{"version", "x"}, exitUsage, "", `version takes no arguments, but got "x"`},
		{"nothing to serve", []string{"serve"}, exitUsage, "", "there are no tenants: add one under tenants, or use --upstream\n"},
		{"a mistake in a flag", []string{"serve", "--upstream", "x"}, exitUsage, "", `--upstream: "x" is not a URL such as http://127.0.0.1:3000` + "\n"},
		{"a mistake in a flag of the demo", []string{"demo", "--admin-listen", "x"}, exitUsage, "", `--admin-listen: admin.listen: "x" is not an address such as 127.0.0.1:8080 or :8080` + "\n"},
		{"version", []string{"version"}, exitDone, "originwarden ", ""},
		{"--version", []string{"--version"}, exitDone, thisBuild().String(), ""},
	} {
		env := deaf(t)
		if c.args != nil && c.args[0] == "demo" {
			env.Listen = net.Listen // for its tenant, which comes first
		}
		status, stdout, stderr := execution(t, env, c.args...)
		if status != c.status || !isPart(stdout, c.stdout) || !isPart(stderr, c.stderr) {
			t.Errorf("%s: exit status %d\n%s%s", c.name, status, stdout, stderr)
		}
	}
}

func isPart(whole, part string) bool {
	return whole == part || part != "" && strings.Contains(whole, part)
}

func TestServe_ReportsEveryMistakeAndStartsNothing(t *testing.T) {
	file := writeConfig(t, "listen: x\nunknown: 1\ntenants: [{id: a}]\n")
	for _, check := range [][]string{{"serve"}, {"serve", "--check"}} {
		status, stdout, stderr := execution(t, deaf(t), append(check, "--config", file, "--mode", "x")...)
		want := file + `:1: listen: "x" is not an address such as 127.0.0.1:8080 or :8080` + "\n" +
			file + `:2: unknown key "unknown"` + "\n" +
			file + ":3: tenants[0] has no upstream\n" +
			`--mode: "x" is not one of enforce, headers, report` + "\n"
		if status != exitUsage || stdout != "" || stderr != want {
			t.Errorf("exit status %d, %q and\n%s", status, stdout, stderr)
		}
	}
}

func TestServe_ChecksAndStartsNothing(t *testing.T) {
	valid, broken := writeConfig(t, oneTenant("http://127.0.0.1:1")), writeConfig(t, "x: 1")
	for _, c := range []struct {
		name, env string
		args      []string
		status    int
	}{
		{"the file of the flag", "", []string{"--config", valid}, exitDone},
		{"the file of the environment", valid, nil, exitDone},
		{"a broken file of the environment", broken, nil, exitUsage},
		{"the flag's before the environment's", broken, []string{"--config", valid}, exitDone},
		{"a file that is not there", "", []string{"--config", filepath.Join(t.TempDir(), "missing")}, exitUsage},
		{"no file", "", []string{"--upstream", "http://127.0.0.1:1"}, exitDone},
	} {
		env := deaf(t)
		env.Getenv = func(name string) string {
			if name == "ORIGINWARDEN_CONFIG" {
				return c.env
			}
			return ""
		}
		status, stdout, stderr := execution(t, env, append([]string{"serve", "--check", "--store", "sqlite:" + filepath.Join(t.TempDir(), "lists.db")}, c.args...)...)
		if status != c.status || (stdout == "configuration is valid\n") != (c.status == exitDone) {
			t.Errorf("%s: exit status %d, %q and\n%s", c.name, status, stdout, stderr)
		}
	}
}
