// Package docs_test checks the documents against the program: the keys of the
// configuration, the commands, the reasons, the log messages and the links.
package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// binary is the path of the originwarden command that TestMain builds.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-docs-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden.exe")
		statSources("..")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// statSources calls os.Stat on every source file, so that go test does not use a cached
// result when one has changed: it does not know about the build in TestMain.
func statSources(root string) {
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod") {
			os.Stat(path)
		}
		return err
	})
}

// documents returns the documents of this folder and the READMEs, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	all := map[string]string{}
	for _, name := range append(names, "../README.md", "../deploy/README.md", "../deploy/helm/originwarden/README.md") {
		all[name] = readFile(t, name)
	}
	return all
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fence is a block of code.
type fence struct {
	language, text string
	line           int
}

// split returns a document's blocks of code, and the document with the lines of the
// blocks emptied.
func split(document string) (fences []fence, prose string) {
	var rest []string
	var open *fence
	for i, line := range strings.Split(document, "\n") {
		language, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && open == nil:
			open = &fence{language: language, line: i + 2}
			line = ""
		case mark:
			fences = append(fences, *open)
			open, line = nil, ""
		case open != nil:
			open.text += line + "\n"
			line = ""
		}
		rest = append(rest, line)
	}
	return fences, strings.Join(rest, "\n")
}

// table returns the rows of all tables whose columns begin with header.
func table(document string, header ...string) (rows [][]string) {
	inside := false
	for line := range strings.Lines(document) {
		cells := parseRow(line)
		switch {
		case cells == nil:
			inside = false
		case len(cells) >= len(header) && slices.Equal(cells[:len(header)], header):
			inside = true
		case inside && !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	return rows
}

// parseRow returns the cells of a line of a table, or nil if it is no such line.
func parseRow(line string) []string {
	line, found := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !found {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

var codeSpan = regexp.MustCompile("^`([^`]+)`$")

// code returns the text of a cell that is a single code span.
func code(cell string) (string, bool) {
	found := codeSpan.FindStringSubmatch(cell)
	if found == nil {
		return "", false
	}
	return found[1], true
}
