package cli

import (
	"os/exec"
	"strings"
	"testing"
)

func TestCompletion_WritesAScriptForEachShell(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, stdout, stderr := execution(t, deaf(t), "completion", shell)
		if status != exitDone || stderr != "" || !strings.Contains(stdout, "__complete") {
			t.Errorf("%s: exit status %d\n%.200s%s", shell, status, stdout, stderr)
		}
		if _, err := exec.LookPath(shell); err != nil || shell == "powershell" {
			continue
		}
		check := exec.Command(shell, "-n")
		check.Stdin = strings.NewReader(stdout)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not read it: %v\n%s", shell, err, out)
		}
	}
}

func TestCompletion_KnowsCommandsFlagsAndValues(t *testing.T) {
	for _, row := range []struct {
		words string // the last one is to be completed; _ is empty
		want  string // of all that is offered, without descriptions
		files bool   // whether names of files are offered besides
	}{
		{"web-integration _", "create get ls patch rm", false},
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
	} {
		args := strings.Fields(row.words)
		if last := &args[len(args)-1]; *last == "_" {
			*last = ""
		}
		status, stdout, _ := execution(t, deaf(t), append([]string{"__complete"}, args...)...)
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
