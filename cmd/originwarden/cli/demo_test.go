package cli

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// startDemo runs the demo on free ports. Its files are in the directory files.
func startDemo(t *testing.T) (r *runningCommand, files string) {
	t.Helper()
	files = t.TempDir()
	t.Setenv("TMPDIR", files)
	t.Setenv("TMP", files) // Windows
	r = startCommand(t, Environment{Program: "/opt/originwarden"}, "demo", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--listed-page", "127.0.0.1:0", "--other-page", "127.0.0.1:0")
	found := r.await(t, r.stdout, `(?s)in front of it at (\S+),.*Operators have (\S+)/metrics.*ends the demo\.\n$`)
	r.tenants, r.admin = found[1], found[2]
	return r, files
}

// guideCommands returns the shell commands in the demo's guide.
func guideCommands(r *runningCommand) []string {
	return regexp.MustCompile(`(?m)^  (?:curl|id=).*$`).FindAllString(r.stdout.String(), -1)
}

// splitCommand splits a command into words as a shell does. It supports single
// quotes only.
func splitCommand(command string) []string {
	var all []string
	for _, match := range regexp.MustCompile(`'([^']*)'|([^\s']+)`).FindAllStringSubmatch(command, -1) {
		all = append(all, match[1]+match[2])
	}
	return all
}

// runCurl sends the request of a curl command.
func runCurl(t *testing.T, command string) (status int, body string) {
	t.Helper()
	method, url, data, headers := "", "", "", []string(nil)
	arguments := splitCommand(command)
	for i := 1; i < len(arguments); i++ {
		switch argument := arguments[i]; argument {
		case "-i", "-s":
		case "-X":
			i++
			method = arguments[i]
		case "-H":
			i++
			headers = append(headers, arguments[i])
		case "-d":
			i++
			data = arguments[i]
		default:
			if !strings.HasPrefix(argument, "http://") || url != "" {
				t.Fatalf("unknown argument %q in %s", argument, command)
			}
			url = argument
		}
	}
	if method == "" && data != "" {
		method = "POST"
	}
	response, body := send(t, method, url, data, headers...)
	return response.StatusCode, body
}

func TestDemo_PrintsProgramNameAsCalled(t *testing.T) {
	r, _ := startDemo(t)
	if !strings.Contains(r.stdout.String(), "\n  /opt/originwarden web-integration ls\n") {
		t.Errorf("%s", r.stdout)
	}
	r.stop(t)
}

func TestDemo_PrintsWorkingCommands(t *testing.T) {
	r, files := startDemo(t)
	var got []int
	id := "none"
	for _, command := range guideCommands(r) {
		command, isPost := strings.CutPrefix(strings.TrimSpace(command), "id=$(")
		command, filter, _ := strings.Cut(command, " | sed ")
		status, body := runCurl(t, strings.ReplaceAll(command, "$id", id))
		got = append(got, status)
		if isPost {
			pattern := regexp.MustCompile(`s/\.\*(.*)\\\((.*)\\\)(.*)\.\*/`).FindStringSubmatch(filter)
			id = regexp.MustCompile(pattern[1] + "(" + pattern[2] + ")" + pattern[3]).FindStringSubmatch(body)[1]
		}
	}
	if want := []int{204, 403, 200, 403, 201, 200, 204, 403}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d:\n%s", got, want, r.stdout)
	}
	if !strings.Contains(r.stderr.String(), "\tinfo\trequest\t{\"tenant\": \"demo\"") {
		t.Errorf("log lacks the request:\n%s", r.stderr)
	}
	if status := r.stop(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(files, "*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
	if r.stdout.writes != 1 {
		t.Errorf("%d writes of the guide, want 1: lines of the log may come between them", r.stdout.writes)
	}
}

func TestDemo_PrintsShellCommands(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	r, _ := startDemo(t)
	shell := exec.Command("sh")
	shell.Stdin = strings.NewReader(strings.Join(guideCommands(r), "\n"))
	shell.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.Contains(strings.ToLower(s), "proxy=") })
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range regexp.MustCompile(`HTTP/1\.1 (\d+)`).FindAllStringSubmatch(string(out), -1) {
		got = append(got, line[1])
	}
	if want := "204 403 200 403 200 204 403"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s:\n%s", got, want, out)
	}
	r.stop(t)
}

func TestDemo_ServesPagesWithGatewayAddress(t *testing.T) {
	r, _ := startDemo(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.tenants, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	pages := regexp.MustCompile(`(?m)^  http://localhost:(\d+)  is (listed|not)`).FindAllStringSubmatch(r.stdout.String(), -1)
	for i, page := range pages {
		_, text := send(t, "GET", "http://127.0.0.1:"+page[1], "")
		for _, want := range []string{`data-gateway-port="` + port + `"`, `data-other-port="` + pages[1-i][1] + `"`, map[string]string{"listed": `data-listed="true"`, "not": `data-listed="false"`}[page[2]]} {
			if !strings.Contains(text, want) {
				t.Errorf("page %q lacks %s", page[2], want)
			}
		}
	}
	if len(pages) != 2 {
		t.Errorf("%d pages, want 2", len(pages))
	}
	if response, _ := send(t, "GET", r.admin+"/readyz", ""); response.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %s", response.Status)
	}
	r.stop(t)
}

func TestDemo_StopsWithOpenStream(t *testing.T) {
	r, files := startDemo(t)
	response, err := http.Get(r.tenants + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if status := r.stop(t); status != exitDone {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(files, "*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestDemo_RemovesFilesWhenPortIsInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--listen", "--admin-listen", "--listed-page", "--other-page"} {
		files := t.TempDir()
		t.Setenv("TMPDIR", files)
		t.Setenv("TMP", files)
		ports := map[string]string{"--listen": "127.0.0.1:0", "--admin-listen": "127.0.0.1:0", "--listed-page": "127.0.0.1:0", "--other-page": "127.0.0.1:0"}
		ports[flag] = taken.Addr().String()
		args := []string{"demo"}
		for name, value := range ports {
			args = append(args, name, value)
		}
		status, stdout, stderr := runCommand(t, Environment{}, args...)
		if status != exitFailed || stdout != "" || !strings.Contains(lastLine(stderr), taken.Addr().String()) || !strings.HasSuffix(stderr, " with "+flag+"\n") {
			t.Errorf("%s: exit status %d, %q and\n%s", flag, status, stdout, stderr)
		}
		if left, _ := filepath.Glob(filepath.Join(files, "*")); left != nil {
			t.Errorf("%s: left behind: %q", flag, left)
		}
	}
}

func TestDemo_StopsWhenPageFails(t *testing.T) {
	opened := 0
	env := Environment{Listen: func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		if opened++; opened == 3 { // after the tenant and the listed page
			return failingListener{l}, err
		}
		return l, err
	}}
	status, _, stderr := runCommand(t, env, "demo")
	if status != exitFailed || lastLine(stderr) != "originwarden: "+errAccept.Error() {
		t.Errorf("exit status %d:\n%s", status, stderr)
	}
}
