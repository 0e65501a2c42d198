package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCompletion_WritesScriptForEachShell(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, stdout, stderr := runCommand(t, noListeners(t), "completion", shell)
		if status != exitDone || stderr != "" || !strings.Contains(stdout, "__complete") {
			t.Errorf("%s: exit status %d\n%.200s%s", shell, status, stdout, stderr)
		}
		if _, err := exec.LookPath(shell); err != nil || shell == "powershell" {
			continue
		}
		check := exec.Command(shell, "-n")
		check.Stdin = strings.NewReader(stdout)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: invalid script: %v\n%s", shell, err, out)
		}
	}
}

func TestCompletion_FailsIfItCannotWrite(t *testing.T) {
	unwritable, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer unwritable.Close()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		stderr := newOutput()
		if status := Execute(Environment{Stdout: unwritable, Stderr: stderr}, "completion", shell); status != exitFailed || strings.Contains(stderr.String(), "usage") {
			t.Errorf("%s: exit status %d\n%s", shell, status, stderr)
		}
	}
}

func TestCompletion_CompletesCommandsFlagsAndValues(t *testing.T) {
	for _, row := range []struct {
		words string // the last one is completed; _ is the empty word
		want  string // the completions, without descriptions
		files bool   // whether file names are completed too
	}{
		{"web-integration _", "add-origin create get history ls patch remove-origin rm undo", false},
		{"web-integration l", "ls", false},
		{"completion _", "bash fish powershell zsh", false},
		{"web-integration ls --star", "--startingAfter", false},
		{"serve --mode _", "enforce headers report", false},
		{"serve --config _", "", true},
		{"serve _", "", false},
		{"web-integration ls --sort _", "name +name -name", false},
		{"web-integration patch x --path _", "/name /validOrigins", false},
		{"web-integration get _", "", false},
		{"import _", "", true},
		{"export --format _", "jsonl yaml", false},
		{"apply --file _", "", true},
	} {
		args := strings.Fields(row.words)
		if last := &args[len(args)-1]; *last == "_" {
			*last = ""
		}
		status, stdout, _ := runCommand(t, noListeners(t), append([]string{"__complete"}, args...)...)
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		var offered []string
		for _, line := range lines[:len(lines)-1] {
			value, _, _ := strings.Cut(line, "\t")
			offered = append(offered, value)
		}
		if files := lines[len(lines)-1] == ":0"; status != exitDone || strings.Join(offered, " ") != row.want || files != row.files {
			t.Errorf("%s: exit status %d, %q", row.words, status, lines)
		}
	}
}
