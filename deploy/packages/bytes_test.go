package packages_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRelease_HasSameBytesInAnyDirectory builds everything twice, in different
// directories, in time zones with different months; the binary once as
// deploy/build.sh does, and once as goreleaser does.
func TestRelease_HasSameBytesInAnyDirectory(t *testing.T) {
	first := sharedRelease(t)
	t.Setenv("TZ", "Pacific/Kiritimati") // there it is the next month
	dir := filepath.Join(t.TempDir(), "another directory")
	output(t, "git", "clone", "-q", first.dir, dir)
	second, err := newRelease(dir, (*release).goBuild)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		artifact string
		build    func(*release) string
	}{
		{"binary", func(r *release) string { return r.binary }},
		{"deb", func(r *release) string { return r.buildPackage(t, "deb") }},
		{"rpm", func(r *release) string { return r.buildPackage(t, "rpm") }},
		{"archive", func(r *release) string { return r.buildArchive(t) }},
	} {
		one, two := row.build(first), row.build(second)
		if hashFile(t, one) != hashFile(t, two) {
			t.Errorf("%s: the bytes differ: %s, %s", row.artifact, one, two)
		}
		t.Logf("%s %s", hashFile(t, one), filepath.Base(one))
	}
}

func hashFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestVersion_IsTagAndCommit(t *testing.T) {
	r := sharedRelease(t)
	head := exec.Command("git", "rev-parse", "HEAD")
	head.Dir = r.dir
	commit, err := head.Output()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(r.binary, "version").Output()
	if want := "originwarden " + tag + "\ncommit " + string(commit); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("got %v\n%swant\n%s", err, out, want)
	}
}

// TestImage_HasSameVersion checks that the image is built from a clean tree: git would
// report the files that the build context lacks as changes.
func TestImage_HasSameVersion(t *testing.T) {
	r := sharedRelease(t)
	ignored, err := os.ReadFile("../Dockerfile.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range regexp.MustCompile(`(?m)^/?([^#\n]+)$`).FindAllStringSubmatch(string(ignored), -1) {
		list := exec.Command("git", "ls-files", ":(glob)"+pattern[1], ":(glob)"+pattern[1]+"/**")
		list.Dir = r.dir
		if out, err := list.Output(); err != nil || len(out) > 0 {
			t.Errorf("%s: the image lacks files of the commit (%v), so its version would end in +dirty:\n%s", pattern[1], err, out)
		}
	}
}
