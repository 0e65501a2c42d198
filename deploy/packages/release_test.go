// Package packages_test builds the packages and archives that .goreleaser.yaml
// describes, from the file itself, and installs them as docs/install.md says.
package packages_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

const (
	tag        = "v1.2.3"   // Go does not record v2.0.0 while the module path lacks /v2
	commitTime = 1767225600 // 2026-01-01
)

// A release is a clone of the project at a tag, with what a release builds there.
type release struct {
	dir    string
	config config.Project
	binary string
}

// firstRelease is the release that tests share: its binary is built by
// deploy/build.sh.
var firstRelease = sync.OnceValues(func() (*release, error) {
	dir := filepath.Join(scratch, "first")
	if err := commitProject(dir); err != nil {
		return nil, err
	}
	return newRelease(dir, func(r *release) *exec.Cmd { return exec.Command("deploy/build.sh", r.binary) })
})

// scratch is a directory for the tests, which TestMain removes.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "originwarden-packages-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		scratch = dir
		return m.Run()
	}())
}

func sharedRelease(t *testing.T) *release {
	t.Helper()
	r, err := firstRelease()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newRelease builds the binary of the clone in dir, and what else packages contain.
func newRelease(dir string, build func(*release) *exec.Cmd) (*release, error) {
	r := &release{dir: dir, binary: filepath.Join(dir, "dist", "originwarden")}
	var err error
	if r.config, err = config.Load(filepath.Join(dir, ".goreleaser.yaml")); err != nil {
		return nil, fmt.Errorf("reading .goreleaser.yaml: %w", err)
	}
	if err := r.runIn(build(r)); err != nil {
		return nil, err
	}
	return r, r.runHooks()
}

// commitProject makes a repository in dir with the files of the project that git does not
// ignore, changes included, and a tag.
func commitProject(dir string) error {
	script := `set -eu
mkdir -p "$1"
git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' _ | tar -c --null -T - | tar -x -C "$1"
cd "$1"
git init -q -b main
git add -A
git commit -q -m release
git tag ` + tag
	clone := exec.Command("sh", "-c", script, "clone", dir)
	clone.Dir = "../.."
	date := strconv.Itoa(commitTime) + " +0000"
	clone.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date,
		"GIT_AUTHOR_NAME=release", "GIT_AUTHOR_EMAIL=release@originwarden.example",
		"GIT_COMMITTER_NAME=release", "GIT_COMMITTER_EMAIL=release@originwarden.example")
	return runCommand(clone)
}

// runIn runs a command in the clone.
func (r *release) runIn(command *exec.Cmd) error {
	command.Dir = r.dir
	return runCommand(command)
}

func runCommand(command *exec.Cmd) error {
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w\n%s", command.Args, err, out)
	}
	return nil
}

// runHooks runs the commands that goreleaser runs before it builds.
func (r *release) runHooks() error {
	for _, hook := range r.config.Before.Hooks {
		line, err := r.expand(hook)
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		if err := r.runIn(exec.Command(words[0], words[1:]...)); err != nil {
			return err
		}
	}
	return nil
}

// goBuild returns the command by which goreleaser builds the binary.
func (r *release) goBuild() *exec.Cmd {
	build := r.config.Builds[0]
	arguments := append([]string{"build"}, build.Flags...)
	ldflags, err := r.expand(strings.Join(build.Ldflags, " "))
	if err != nil {
		panic(err)
	}
	command := exec.Command("go", append(arguments, "-ldflags="+ldflags, "-o", r.binary, build.Main)...)
	command.Env = append(os.Environ(), build.Env...)
	return command
}

// expand executes a template of .goreleaser.yaml. An unknown field or function is an
// error.
func (r *release) expand(text string) (string, error) {
	parsed, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{
		"trim": strings.TrimSpace,
		"readFile": func(name string) (string, error) {
			content, err := os.ReadFile(filepath.Join(r.dir, name))
			return string(content), err
		},
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Version": strings.TrimPrefix(tag, "v"), "Os": "linux", "Arch": "amd64",
		"CommitTimestamp": commitTime, "CommitDate": time.Unix(commitTime, 0).UTC().Format(time.RFC3339),
	})
	return out.String(), err
}
