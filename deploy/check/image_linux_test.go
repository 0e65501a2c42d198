package check

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// image is the image of the Dockerfile, built without a container engine: each stage
// is a directory, and the commands of the build stage run on this machine instead of
// in the base image.
type image struct {
	root    string // of the last stage
	workdir string
	user    string
	env     []string
	command []string // including the entry point
	health  []string
}

// builder runs the instructions of all stages in order.
type builder struct {
	t      *testing.T
	stages map[string]string // roots by name
	args   []string          // build arguments of the engine, for RUN
	image
}

func buildImage(t *testing.T) *image {
	t.Helper()
	file, err := os.Open("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	warn := func(rule, _, _, message string, _ []parser.Range) { t.Errorf("%s: %s", rule, message) }
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t: t, stages: map[string]string{}, args: []string{"TARGETOS=" + runtime.GOOS, "TARGETARCH=" + runtime.GOARCH}}
	for _, stage := range stages {
		b.image = image{root: t.TempDir(), workdir: "/"}
		b.stages[stage.Name] = b.root
		for _, command := range stage.Commands {
			if err := b.run(command); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
		}
	}
	if first := stages[0]; !strings.HasPrefix(first.BaseName, "golang:"+goVersion(t)+".") {
		t.Errorf("the base image of the build is %s, want Go %s", first.BaseName, goVersion(t))
	}
	if last := stages[len(stages)-1]; last.BaseName != "scratch" {
		t.Errorf("the base image is %s, want scratch", last.BaseName)
	}
	return &b.image
}

// goVersion returns the version of Go in go.mod, such as 1.26.
func goVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(text)
	if found == nil {
		t.Fatal("go.mod has no Go version")
	}
	return string(found[1])
}

func (b *builder) run(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.WorkdirCommand:
		b.workdir = c.Path
		return os.MkdirAll(filepath.Join(b.root, c.Path), 0o755)
	case *instructions.CopyCommand:
		for _, source := range c.SourcePaths {
			if err := b.copy(c, source); err != nil {
				return err
			}
		}
	case *instructions.RunCommand:
		return b.runShell(c)
	case *instructions.UserCommand:
		b.user = c.User
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			b.env = append(b.env, pair.Key+"="+pair.Value)
		}
	case *instructions.HealthCheckCommand:
		if c.Health.Test[0] != "CMD" {
			return fmt.Errorf("%q needs a shell", c.Health.Test)
		}
		b.health = c.Health.Test[1:]
	case *instructions.EntrypointCommand:
		b.command = c.CmdLine
	case *instructions.CmdCommand:
		b.command = append(b.command, c.CmdLine...)
	case *instructions.ArgCommand, *instructions.ExposeCommand:
	default:
		return errors.New("unsupported instruction")
	}
	return nil
}

// runShell runs a RUN instruction in the working directory of the stage.
func (b *builder) runShell(c *instructions.RunCommand) error {
	line := strings.Join(c.CmdLine, " ")
	if regexp.MustCompile(`(^|[ =])/`).MatchString(line) {
		return errors.New("an absolute path would be a path of this machine")
	}
	cmd := exec.CommandContext(b.t.Context(), "sh", "-c", line)
	cmd.Dir = filepath.Join(b.root, b.workdir)
	cmd.Env = append(os.Environ(), b.args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// copy copies a source from the build context or from another stage. A file that the
// other stage does not have belongs to its base image, so it is copied from this
// machine.
func (b *builder) copy(c *instructions.CopyCommand, source string) error {
	to := c.DestPath
	if !filepath.IsAbs(to) {
		to = filepath.Join(b.workdir, to)
	}
	to = filepath.Join(b.root, to)
	from := filepath.Join(b.context(), source)
	if c.From != "" {
		from = filepath.Join(b.stages[c.From], source)
		if _, err := os.Stat(from); err != nil {
			from = source
		}
	}
	if strings.HasSuffix(c.DestPath, "/") {
		to = filepath.Join(to, filepath.Base(source))
	}
	if err := copyTree(from, to); err != nil || c.Chown == "" {
		return err
	}
	var uid, gid int
	fmt.Sscanf(c.Chown, "%d:%d", &uid, &gid)
	return os.Chown(to, uid, gid)
}

// context returns a directory with the files of the project that git does not ignore.
func (b *builder) context() string {
	if dir := b.stages["context"]; dir != "" {
		return dir
	}
	dir := b.t.TempDir()
	b.stages["context"] = dir
	list := exec.CommandContext(b.t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	names, err := list.Output()
	if err != nil {
		b.t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		err := copyFile(filepath.Join("../..", name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a deletion that is not committed yet
			b.t.Fatal(err)
		}
	}
	return dir
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(from, path)
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, stat.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// TestImage runs the image as a container engine would: in its own root directory and
// network namespace, without privileges.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	img := buildImage(t)
	t.Run("static binary", func(t *testing.T) { testStatic(t, filepath.Join(img.root, "originwarden")) })
	t.Run("health check", func(t *testing.T) {
		runtime.LockOSThread() // never unlocked, so that the thread and its network end with the goroutine
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Skipf("cannot create a network namespace: %v", err)
		}
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		testRun(t, img)
	})
}

func testStatic(t *testing.T, binary string) {
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("imported libraries %v, error %v, want none", libraries, err)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the binary has an interpreter")
		}
	}
}

// start starts a command in the image.
func (i *image) start(t *testing.T, argv []string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	var uid, gid uint32
	if n, _ := fmt.Sscanf(i.user, "%d:%d", &uid, &gid); n != 2 || uid == 0 || gid == 0 {
		t.Fatalf("user %q, want a numeric user and group that are not root's (runAsNonRoot)", i.user)
	}
	var out strings.Builder
	cmd := &exec.Cmd{
		Path: argv[0], Args: argv, Dir: i.workdir, Env: i.env, Stdout: &out, Stderr: &out,
		SysProcAttr: &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: uid, Gid: gid}},
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// checkHealth runs the health check of the image.
func (i *image) checkHealth(t *testing.T) error {
	cmd, out := i.start(t, i.health)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func testRun(t *testing.T, img *image) {
	writeConfiguration(t, img.root)
	gateway, log := img.start(t, img.command)
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	defer gateway.Process.Kill()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = img.checkHealth(t); err == nil {
			break
		}
	}
	if err != nil {
		gateway.Process.Kill()
		t.Fatalf("%q: %v; the gateway ended with %v\n%s", img.health, err, <-ended, log)
	}
	gateway.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("the gateway ended with %v\n%s", err, log)
	}
	if img.checkHealth(t) == nil {
		t.Error("the health check succeeds after the gateway has ended")
	}
}

// writeConfiguration writes the configuration of compose to the image, with an SQLite
// store instead of etcd.
func writeConfiguration(t *testing.T, root string) {
	t.Helper()
	text, err := os.ReadFile("../compose/originwarden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`etcd://\S+`).ReplaceAll(text, []byte("sqlite:/var/lib/originwarden/lists.db"))
	text = regexp.MustCompile(`(?m)^cache:\n( .*\n)+`).ReplaceAll(text, nil) // cache.snapshot_dir is invalid with an SQLite store
	file := filepath.Join(root, "etc/originwarden/originwarden.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
