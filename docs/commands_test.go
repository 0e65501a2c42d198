package docs_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDocuments_UseExistingCommandsAndFlags(t *testing.T) {
	helps := map[string]string{}
	seen := 0
	for name, text := range documents(t) {
		for _, line := range commandLines(text) {
			seen++
			if problem := checkCommand(helps, line); problem != "" {
				t.Errorf("%s: %s: %s", name, strings.Join(line, " "), problem)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d command lines, want at least 20", seen)
	}
}

// commandLines returns the arguments of every originwarden command in the shell blocks
// and code spans of a document.
func commandLines(document string) (lines [][]string) {
	fences, prose := split(document)
	var shell []string
	for _, f := range fences {
		if f.language == "sh" || f.language == "console" {
			shell = append(shell, strings.ReplaceAll(f.text, "\\\n", " "))
		}
	}
	for _, span := range regexp.MustCompile("`(originwarden [a-z][^`]*)`").FindAllStringSubmatch(prose, -1) {
		shell = append(shell, span[1])
	}
	command := regexp.MustCompile(`(?m)(?:^\$ |^|[|(;&] ?|\./cmd/|\./)originwarden ([^\n]*)`)
	for _, text := range shell {
		for _, found := range command.FindAllStringSubmatch(text, -1) {
			if ready := strings.HasPrefix(found[1], "ready "); !ready { // what serve prints
				lines = append(lines, splitWords(found[1]))
			}
		}
	}
	return lines
}

// splitWords returns the words of the first command in a shell line.
func splitWords(line string) (all []string) {
	for _, found := range regexp.MustCompile(`'[^']*'|"[^"]*"|[|;&)#>]|[^\s|;&)#>'"]+`).FindAllString(line, -1) {
		if strings.ContainsAny(found[:1], "|;&)#>") {
			break
		}
		all = append(all, found)
	}
	return all
}

// checkCommand returns what is wrong with a command line, or "".
func checkCommand(helps map[string]string, line []string) string {
	path := 0 // number of words that name the command
	for path < len(line) && slices.Contains(subcommands(help(helps, line[:path])), line[path]) {
		path++
	}
	text := help(helps, line[:path])
	if len(line) > path && subcommands(text) != nil && !strings.HasPrefix(line[path], "-") {
		return "unknown command " + line[path]
	}
	for _, word := range line[path:] {
		flag, _, _ := strings.Cut(word, "=")
		if strings.HasPrefix(flag, "-") && len(flag) > 1 && flag != "--help" &&
			!regexp.MustCompile(`(?m)^ .*(^|[ ,])`+regexp.QuoteMeta(flag)+`\b`).MatchString(text) {
			return "unknown flag " + flag
		}
	}
	return ""
}

// help returns the output of a command with --help, and caches it in helps.
func help(helps map[string]string, command []string) string {
	name := strings.Join(command, " ")
	if _, known := helps[name]; !known {
		out, err := exec.Command(binary, append(slices.Clone(command), "--help")...).CombinedOutput()
		if err != nil {
			return ""
		}
		helps[name] = string(out)
	}
	return helps[name]
}

// subcommands returns the commands that a help text lists.
func subcommands(help string) (names []string) {
	_, list, found := strings.Cut(help, "Available Commands:\n")
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}
