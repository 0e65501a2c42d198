package docs_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestOperate_ExplainsLinesThatAreLogged(t *testing.T) {
	sources := source(t, "../cmd/originwarden") + source(t, "../lists")
	rows := table(read(t, "operate.md"), "`msg`", "Level", "Meaning")
	if len(rows) == 0 {
		t.Fatal("it explains none")
	}
	for _, row := range rows {
		for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[0], -1) {
			about, rest, _ := strings.Cut(strings.TrimSuffix(message[1], ": …"), " were left")
			if rest != "" { // what the line is about is put before
				rest = " were left" + rest
			}
			if !strings.Contains(sources, `"`+about) || !strings.Contains(sources, rest+`"`) {
				t.Errorf("no line is %q", message[1])
			}
		}
	}
}

// source is the code of a folder without its tests.
func source(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			all.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
