package docs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// pipelineSteps returns the shell scripts of a pipeline by the names of its jobs, for
// GitHub or GitLab.
func pipelineSteps(t *testing.T, text string) map[string]string {
	t.Helper()
	type job struct {
		Steps  []struct{ Run string }
		Script []string
	}
	var github struct{ Jobs map[string]job }
	var gitlab map[string]job
	if err := yaml.Unmarshal([]byte(text), &github); err != nil {
		t.Fatal(err)
	}
	jobs := github.Jobs
	if jobs == nil {
		if err := yaml.Unmarshal([]byte(text), &gitlab); err != nil {
			t.Fatal(err)
		}
		jobs = gitlab
	}
	scripts := map[string]string{}
	for name, job := range jobs {
		lines := job.Script
		for _, step := range job.Steps {
			lines = append(lines, step.Run)
		}
		if script := strings.Join(lines, "\n"); script != "" {
			scripts[name] = script
		}
	}
	return scripts
}

// listsServer is a gateway, and a folder with the file of lists of the document.
type listsServer struct {
	t           *testing.T
	folder      string
	environment []string
	comments    string // a file that the command gh writes
}

func startListsServer(t *testing.T, lists string) *listsServer {
	t.Helper()
	state, folder, programs := t.TempDir(), t.TempDir(), t.TempDir()
	gateway := exec.Command(binary, "serve", "--upstream", "http://127.0.0.1:1", "--data", state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	gateway.Env = append(os.Environ(), "ORIGINWARDEN_CONFIG=")
	stdout, err := gateway.StdoutPipe()
	if err == nil {
		err = gateway.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		gateway.Process.Kill()
		gateway.Wait()
	})
	var address string
	ready, _ := bufio.NewReader(stdout).ReadString('\n')
	if _, err := fmt.Sscanf(ready, "originwarden ready listen=%s", &address); err != nil {
		t.Fatalf("got %q, %v", ready, err)
	}
	token := strings.TrimSpace(readFile(t, filepath.Join(state, "admin-token")))
	s := &listsServer{t: t, folder: folder, comments: filepath.Join(programs, "comments")}
	s.write(filepath.Join(folder, "lists.yaml"), lists)
	s.write(filepath.Join(programs, "gh"), "#!/bin/sh\necho \"$@\" >>"+s.comments+"\ncat >>"+s.comments+"\n")
	if err := os.Symlink(binary, filepath.Join(programs, "originwarden")); err != nil {
		t.Fatal(err)
	}
	s.environment = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"),
		"ORIGINWARDEN_CONFIG=", "ORIGINWARDEN_SERVER=http://"+address, "ORIGINWARDEN_TOKEN="+token, "PULL_REQUEST=7")
	return s
}

func (s *listsServer) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a script as both kinds of runners do, and returns its exit status.
func (s *listsServer) run(script string) (status int, output string) {
	s.t.Helper()
	shell := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	shell.Dir, shell.Env = s.folder, s.environment
	var text bytes.Buffer
	shell.Stdout, shell.Stderr = &text, &text
	shell.Run()
	return shell.ProcessState.ExitCode(), text.String()
}

func TestLists_PipelinesDoWhatTheySay(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil || runtime.GOOS == "windows" {
		t.Skip("needs bash")
	}
	var blocks []string
	fences, _ := split(readFile(t, "lists.md"))
	for _, f := range fences {
		if f.language == "yaml" {
			blocks = append(blocks, f.text)
		}
	}
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of YAML, want lists and two pipelines", len(blocks))
	}
	for i, whereDiffers := range map[int]int{1: 0, 2: 3} { // the status of the check when there are differences
		jobs := pipelineSteps(t, blocks[i])
		s := startListsServer(t, blocks[0])
		const add = `originwarden web-integration create --name test --validOrigins 'https://test.example'`
		for _, row := range []struct {
			rule, script string
			status       int
			output       string
		}{
			{"differences", jobs["check"], whereDiffers, "+ production\n    + https://app.example.com"},
			{"the check has written nothing", "originwarden web-integration ls -q | wc -l", 0, "0\n"},
			{"apply", jobs["apply"], 0, "3 created, 0 changed, 0 deleted"},
			{"a check without differences", jobs["check"], 0, "3 unchanged"},
			{"no drift", jobs["drift"], 0, "3 unchanged"},
			{"a change elsewhere", add, 0, "test"},
			{"drift", jobs["drift"], 3, "- test\n    - https://test.example"},
			{"apply again", jobs["apply"], 0, "1 deleted, 3 unchanged"},
			{"a mistake", "echo 'x: {}' >>lists.yaml", 0, ""},
			{"a check of a mistake", jobs["check"], 1, `lists.yaml:7: unknown key "x"`},
			{"no apply of a mistake", jobs["apply"], 1, "nothing is applied"},
		} {
			if status, output := s.run(row.script); row.script == "" || status != row.status || !strings.Contains(output, row.output) {
				t.Errorf("pipeline %d, %s: exit status %d\n%s", i, row.rule, status, output)
			}
		}
		comments, _ := os.ReadFile(s.comments)
		if isGitHub := i == 1; isGitHub != bytes.HasPrefix(comments, []byte("pr comment 7 --body-file -\n    + production\n")) || bytes.Count(comments, []byte("pr comment")) > 1 {
			t.Errorf("pipeline %d: comments\n%s", i, comments)
		}
	}
}
