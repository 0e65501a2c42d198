package docs_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestOperate_ExplainsExistingLogMessages(t *testing.T) {
	sources := readSource(t, "../cmd/originwarden") + readSource(t, "../lists")
	rows := table(readFile(t, "operate.md"), "`msg`", "Level", "Meaning")
	if len(rows) == 0 {
		t.Fatal("operate.md has no table of log messages")
	}
	for _, row := range rows {
		for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[0], -1) {
			subject, rest, _ := strings.Cut(strings.TrimSuffix(message[1], ": …"), " were left")
			if rest != "" { // the source concatenates the subject and this text
				rest = " were left" + rest
			}
			if !strings.Contains(sources, `"`+subject) || !strings.Contains(sources, rest+`"`) {
				t.Errorf("no log message %q in the source", message[1])
			}
		}
	}
}

// readSource returns the Go code below root, without the tests.
func readSource(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			all.WriteString(readFile(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
