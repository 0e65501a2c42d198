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

// image is what the Dockerfile makes, built without an engine: each stage is a
// directory, and the commands of the build stage run on this machine, in the
// place of its base image.
type image struct {
	root    string // of the last stage
	workdir string
	user    string
	env     []string
	command []string // with the entry point
	health  []string
}

// builder runs the instructions of one stage after the other.
type builder struct {
	t      *testing.T
	stages map[string]string // roots by name
	args   []string          // of the engine, which RUN sees
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
		t.Errorf("%s builds what needs Go %s", first.BaseName, goVersion(t))
	}
	if last := stages[len(stages)-1]; last.BaseName != "scratch" {
		t.Errorf("the image begins with %s", last.BaseName)
	}
	return &b.image
}

// goVersion is the one that the project asks for, such as 1.26.
func goVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(text)
	if found == nil {
		t.Fatal("go.mod asks for no Go")
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
		return b.shell(c)
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
		return errors.New("nothing is known about this instruction")
	}
	return nil
}

// shell runs a RUN in the working directory of the stage.
func (b *builder) shell(c *instructions.RunCommand) error {
	line := strings.Join(c.CmdLine, " ")
	if regexp.MustCompile(`(^|[ =])/`).MatchString(line) {
		return errors.New("an absolute path would be one of this machine")
	}
	cmd := exec.CommandContext(b.t.Context(), "sh", "-c", line)
	cmd.Dir = filepath.Join(b.root, b.workdir)
	cmd.Env = append(os.Environ(), b.args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// copy copies a source of the context, or of another stage. What the other
// stage does not have comes with its base image, and from this machine here.
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

// context is a copy of the project as git knows it.
func (b *builder) context() string {
	if dir := b.stages["context"]; dir != "" {
		return dir
	}
	dir := b.t.TempDir()
	b.stages["context"] = dir
	list := exec.CommandContext(b.t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", ":!deploy/check")
	list.Dir = "../.."
	names, err := list.Output()
	if err != nil {
		b.t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		err := copyFile(filepath.Join("../..", name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // deleted, and not committed yet
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

// TestImage runs the image as an engine would: nothing in its root but what the
// Dockerfile puts there, without privileges, in a network of its own.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change the root")
	}
	img := buildImage(t)
	t.Run("is static", func(t *testing.T) { testStatic(t, filepath.Join(img.root, "originwarden")) })
	t.Run("runs and tells its health", func(t *testing.T) {
		runtime.LockOSThread() // and never unlocked: the thread ends with its network
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Skipf("no network of its own: %v", err)
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
		t.Errorf("it imports %v, %v", libraries, err)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("it asks for an interpreter")
		}
	}
}

// start starts a command in the image.
func (i *image) start(t *testing.T, argv []string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	var uid, gid uint32
	if n, _ := fmt.Sscanf(i.user, "%d:%d", &uid, &gid); n != 2 || uid == 0 || gid == 0 {
		t.Fatalf("it runs as %q: Kubernetes wants a number that is not root's", i.user)
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

func (i *image) healthy(t *testing.T) error {
	cmd, out := i.start(t, i.health)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func testRun(t *testing.T, img *image) {
	configure(t, img.root)
	gateway, log := img.start(t, img.command)
	ended := make(chan error, 1)
	go func() { ended <- gateway.Wait() }()
	defer gateway.Process.Kill()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = img.healthy(t); err == nil {
			break
		}
	}
	if err != nil {
		gateway.Process.Kill()
		t.Fatalf("%q: %v; it ended with %v\n%s", img.health, err, <-ended, log)
	}
	gateway.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v\n%s", err, log)
	}
	if img.healthy(t) == nil {
		t.Error("it is healthy when it does not run")
	}
}

// configure gives the image the configuration of compose, on a store that needs
// nobody else.
func configure(t *testing.T, root string) {
	t.Helper()
	text, err := os.ReadFile("../compose/originwarden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`etcd://\S+`).ReplaceAll(text, []byte("sqlite:/var/lib/originwarden/lists.db"))
	text = regexp.MustCompile(`(?m)^cache:\n( .*\n)+`).ReplaceAll(text, nil) // which is for a store on other machines
	file := filepath.Join(root, "etc/originwarden/originwarden.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
