package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const releaseWorkflow = "../.github/workflows/release.yml"

// Whoever publishes originwarden replaces each placeholder in one file. CONTRIBUTING.md
// names the files, and the workflow releases nothing while they have a placeholder.
func TestRelease_HasEachPlaceholderInOneFile(t *testing.T) {
	contributing, workflow := readText(t, "../CONTRIBUTING.md"), readText(t, releaseWorkflow)
	for _, row := range []struct{ placeholder, file string }{
		{"\\bOWNER[`/]", "docs/install.md"},
		{`@originwarden\.example`, ".goreleaser.yaml"},
	} {
		for _, file := range documentsWith(t, regexp.MustCompile(row.placeholder)) {
			if file != row.file && file != "CONTRIBUTING.md" {
				t.Errorf("%s has the placeholder %s, which belongs into %s", file, row.placeholder, row.file)
			}
		}
		if !strings.Contains(contributing, "`"+row.file+"`") {
			t.Errorf("CONTRIBUTING.md does not name %s", row.file)
		}
		if !regexp.MustCompile(`if grep .* ` + regexp.QuoteMeta(row.file) + `\b.*exit 1`).MatchString(workflow) {
			t.Errorf("the workflow does not look for placeholders in %s", row.file)
		}
	}
}

// documentsWith returns the files for people and machines, other than code, in which the
// pattern matches.
func documentsWith(t *testing.T, pattern *regexp.Regexp) (files []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains([]string{".git", "node_modules", "testdata", "dist", "generated"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		case !regexp.MustCompile(`\.(md|ya?ml|tpl|txt|sh)$`).MatchString(path):
			return nil
		}
		text, err := os.ReadFile(path)
		if pattern.Match(text) {
			files = append(files, filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A tag of an action can be moved to other code, which would sign the release.
func TestRelease_NamesActionsByCommit(t *testing.T) {
	uses := regexp.MustCompile(`(?m)uses: ([^@\s]+)(.*)$`).FindAllStringSubmatch(readText(t, releaseWorkflow), -1)
	if len(uses) == 0 {
		t.Fatal("the workflow uses no actions")
	}
	commits := map[string]string{}
	for _, use := range uses {
		action, commit := use[1], use[2]
		if !regexp.MustCompile(`^@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(commit) {
			t.Errorf("%s%s: not a commit and its version", action, commit)
		}
		if commits[action] != "" && commits[action] != commit {
			t.Errorf("%s is used as %s and as %s", action, commits[action], commit)
		}
		commits[action] = commit
	}
}

// The binary of the image has the bytes of the one in the archive.
func TestRelease_BuildsWithOneGoVersion(t *testing.T) {
	text := readText(t, releaseWorkflow) + readText(t, "Dockerfile")
	versions := regexp.MustCompile(`(?:golang:|go-version: )([0-9.]+)`).FindAllStringSubmatch(text, -1)
	if len(versions) != 3 {
		t.Fatalf("%d Go versions, want those of two jobs and of the image: %q", len(versions), versions)
	}
	for _, version := range versions {
		if version[1] != versions[0][1] {
			t.Errorf("Go %s and Go %s", versions[0][1], version[1])
		}
	}
}
