package packages_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDeb_InstallsRunsAndLeavesNothing follows docs/install.md with its own commands, on
// this machine. It takes ORIGINWARDEN_INSTALL=yes, and root.
func TestDeb_InstallsRunsAndLeavesNothing(t *testing.T) {
	if os.Getenv("ORIGINWARDEN_INSTALL") != "yes" {
		t.Skip("ORIGINWARDEN_INSTALL is not yes: this test installs a package on the machine")
	}
	if before := traces(t); before != "" {
		t.Fatalf("originwarden is already on this machine:\n%s", before)
	}
	page := readPage(t)
	install := strings.ReplaceAll(page.firstLine(t, "apt-get install"), "./originwarden_1.0.0_"+runtime.GOARCH+".deb", sharedRelease(t).buildPackage(t, "deb"))
	t.Cleanup(func() { exec.Command("dpkg", "--purge", "originwarden").Run() })

	start := time.Now()
	said := shell(t, install)
	gateway := startByHand(t, page)
	answer := gateway.run(t, page.firstLine(t, "$ curl"))
	took := time.Since(start)
	if want := page.outputOf(t, "$ curl"); !strings.HasPrefix(answer, want) || took > time.Minute {
		t.Errorf("after %v the answer is\n%swant %s within a minute", took, answer, want)
	}
	t.Logf("from nothing to the first 403: %.1f s", took.Seconds())
	if !strings.Contains(said, "not started") || !strings.Contains(said, "systemctl enable --now originwarden") {
		t.Errorf("the installation does not say how to start:\n%s", said)
	}

	gateway.run(t, page.firstLine(t, "runuser -u originwarden -- originwarden serve"))
	gateway.run(t, page.firstLine(t, "export ORIGINWARDEN_SERVER")+"\n"+page.firstLine(t, "originwarden web-integration create"))
	if answer := gateway.run(t, page.firstLine(t, "$ curl")); !strings.HasPrefix(answer, "HTTP/1.1 502 ") {
		t.Errorf("after the origin is listed, got\n%swant 502, as there is no API", answer)
	}
	gateway.stop(t)
	checkModes(t)
	checkUpgrade(t, sharedRelease(t).buildPackage(t, "deb"))
	checkRemoval(t, page)
}

// checkModes checks who may read the configuration and the state.
func checkModes(t *testing.T) {
	t.Helper()
	for path, want := range map[string]string{
		"/etc/originwarden/originwarden.yaml": "root:originwarden 640",
		"/var/lib/originwarden":               "originwarden:originwarden 700",
		"/var/lib/originwarden/admin-token":   "originwarden:originwarden 600",
		"/usr/bin/originwarden":               "root:root 755",
	} {
		if got := strings.TrimSpace(output(t, "stat", "-c", "%U:%G %a", path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// checkUpgrade checks that another version of the package keeps a changed configuration.
func checkUpgrade(t *testing.T, file string) {
	t.Helper()
	const config = "/etc/originwarden/originwarden.yaml"
	shell(t, "echo '# changed' >>"+config)
	if said := shell(t, "dpkg -i "+file); !strings.Contains(said, "systemctl restart originwarden") {
		t.Errorf("the upgrade does not say that the gateway is not restarted:\n%s", said)
	}
	if text, err := os.ReadFile(config); err != nil || !strings.HasSuffix(string(text), "# changed\n") {
		t.Errorf("the upgrade replaced the configuration: %v\n%s", err, text)
	}
	checkModes(t)
}

// checkRemoval removes and purges the package as the page says, while a gateway runs
// that was started by hand.
func checkRemoval(t *testing.T, page document) {
	t.Helper()
	files := strings.Fields(output(t, "dpkg", "-L", "originwarden"))
	present := traces(t)
	for _, file := range files {
		if strings.Contains(filepath.Base(file), "originwarden") && !strings.Contains(present, file+"\n") {
			t.Errorf("the search for what is left would not find %s", file)
		}
	}
	startByHand(t, page)
	if len(running(t)) == 0 {
		t.Fatal("no gateway runs before the removal")
	}
	shell(t, page.firstLine(t, "apt-get remove"))
	if left := running(t); len(left) > 0 {
		t.Errorf("the removal does not stop the gateway: %q", left)
	}
	checkModesAfterRemoval(t)
	shell(t, page.firstLine(t, "apt-get purge"))
	for _, file := range files {
		if _, err := os.Stat(file); err == nil && strings.Contains(file, "originwarden") {
			t.Errorf("after the purge there is still %s", file)
		}
	}
	if left := traces(t); left != "" {
		t.Errorf("after the purge there is still\n%s", left)
	}
}

func checkModesAfterRemoval(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/originwarden"); err == nil {
		t.Error("the removal keeps the binary")
	}
	for _, kept := range []string{"/etc/originwarden/originwarden.yaml", "/var/lib/originwarden/admin-token"} {
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("the removal does not keep %s: %v", kept, err)
		}
	}
	output(t, "getent", "passwd", "originwarden")
}

// traces returns the files, users and groups of this machine that belong to originwarden.
func traces(t *testing.T) string {
	t.Helper()
	// It fails if a file disappears while it runs, and finds the others.
	names, _ := exec.Command("find", "/etc", "/home", "/opt", "/run", "/usr", "/var", "-xdev",
		"-path", "/var/lib/docker", "-prune", "-o", "-name", "*originwarden*", "-print").Output()
	found := strings.Fields(string(names))
	for _, file := range []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/var/lib/dpkg/status"} {
		if text, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		} else if regexp.MustCompile(`(?m)^(originwarden:|Package: originwarden$)`).Match(text) {
			found = append(found, "an entry in "+file)
		}
	}
	return strings.Join(found, "\n")
}

// running returns the processes of the installed binary, in any namespace.
func running(t *testing.T) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if binary, err := os.Readlink(link); err == nil && strings.HasPrefix(binary, "/usr/bin/originwarden") {
			found = append(found, link)
		}
	}
	return found
}

// byHand is a gateway that runs without systemd, in network and process namespaces of
// its own, with a shell beside it.
type byHand struct {
	command *exec.Cmd
	log     string
	input   *os.File
	output  *bufio.Scanner
}

// startByHand starts the gateway with the command of the page, and waits until it is
// ready.
func startByHand(t *testing.T, page document) *byHand {
	t.Helper()
	g := &byHand{log: filepath.Join(t.TempDir(), "log")}
	g.command = exec.Command("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g.command.Stdin, g.input = read, write
	out, err := g.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errors, err := os.Create(g.log + ".shell")
	if err != nil {
		t.Fatal(err)
	}
	defer errors.Close()
	g.command.Stderr = errors
	g.output = bufio.NewScanner(out)
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.command.Process.Kill(); g.command.Wait() })
	fmt.Fprintf(g.input, "ip link set lo up\n(%s) >%s 2>&1 </dev/null &\n", page.firstLine(t, "cd /var/lib/originwarden"), g.log)
	g.run(t, "curl -sS -o /dev/null --retry 30 --retry-delay 1 --retry-connrefused http://127.0.0.1:9090/readyz")
	return g
}

// run runs a command beside the gateway, and returns its output. The command must
// succeed.
func (g *byHand) run(t *testing.T, line string) string {
	t.Helper()
	fmt.Fprintf(g.input, "{ %s\n} </dev/null; printf '\\nstatus %%s\\n' $?\n", line)
	var out strings.Builder
	for g.output.Scan() {
		if status, done := strings.CutPrefix(g.output.Text(), "status "); done {
			if status != "0" {
				log, _ := os.ReadFile(g.log)
				errors, _ := os.ReadFile(g.log + ".shell")
				t.Fatalf("%s: exit status %s\n%s%s%s", line, status, out.String(), errors, log)
			}
			return out.String()
		}
		fmt.Fprintln(&out, strings.TrimRight(g.output.Text(), "\r"))
	}
	t.Fatalf("%s: the shell has ended\n%s", line, out.String())
	return ""
}

// stop ends the shell, and the gateway with it.
func (g *byHand) stop(t *testing.T) {
	t.Helper()
	g.input.Close()
	g.command.Wait()
}

// shell runs a command on this machine.
func shell(t *testing.T, line string) string {
	t.Helper()
	command := exec.Command("sh", "-c", line)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// document is the text of docs/install.md.
type document string

func readPage(t *testing.T) document {
	t.Helper()
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	return document(strings.ReplaceAll(string(text), "_amd64.deb", "_"+runtime.GOARCH+".deb"))
}

// firstLine returns the first line of a block of code that begins with prefix, without
// the prompt.
func (d document) firstLine(t *testing.T, prefix string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(prefix) + `.*$`).FindString(string(d))
	if found == "" {
		t.Fatalf("docs/install.md has no line %q", prefix)
	}
	return strings.TrimPrefix(found, "$ ")
}

// outputOf returns the line after the first one that begins with prefix.
func (d document) outputOf(t *testing.T, prefix string) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(d), prefix)
	return strings.SplitN(rest, "\n", 3)[1]
}
