// Package docs_test holds the documents to the program: the keys of the
// configuration, the commands, the reasons, and the links.
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

// binary is the built command.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-docs-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "originwarden.exe")
		stamp("..")
		build := exec.Command("go", "build", "-o", binary, "./cmd/originwarden")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// stamp looks at every source file, so that the Go command takes no result from
// its cache when one has changed: it does not know what is built here.
func stamp(root string) {
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod") {
			os.Stat(path)
		}
		return err
	})
}

// documents are those of this folder, and others with commands and links.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	all := map[string]string{}
	for _, name := range append(names, "../README.md", "../deploy/README.md") {
		all[name] = read(t, name)
	}
	return all
}

func read(t *testing.T, name string) string {
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

// split returns a document's blocks of code, and the rest of it with their
// lines empty.
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

// table returns the cells of the rows below every header of these names.
func table(document string, header ...string) (rows [][]string) {
	inside := false
	for line := range strings.Lines(document) {
		cells := cellsOf(line)
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

func cellsOf(line string) []string {
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

// code returns what a cell has as code, if that is all it has.
func code(cell string) (string, bool) {
	found := codeSpan.FindStringSubmatch(cell)
	if found == nil {
		return "", false
	}
	return found[1], true
}
