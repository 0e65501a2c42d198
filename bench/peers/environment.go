package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"originwarden/bench/process"
)

// Environment is what the proxies of a run need: the gateway's program, a certificate, and
// the server behind them.
type Environment struct {
	UpstreamName string // of the program that sends most responses
	dir          string // temporary
	cores        process.Cores
	gateway      string // the program
	upstream     string // host:port
	closers      []func()
}

// Prepare builds the gateway and starts the server behind the proxies. dir must exist;
// everything is written below it. Close ends what was started.
func Prepare(ctx context.Context, dir string, cores process.Cores) (*Environment, error) {
	e := &Environment{dir: dir, cores: cores, gateway: filepath.Join(dir, "originwarden")}
	if err := build(ctx, e.gateway, "./cmd/originwarden"); err != nil {
		return nil, err
	}
	if err := writeCertificate(dir); err != nil {
		return nil, err
	}
	if err := e.startUpstream(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close ends the server behind the proxies.
func (e *Environment) Close() {
	for _, stop := range slices.Backward(e.closers) {
		stop()
	}
}

// build builds a package of this module.
func build(ctx context.Context, output, folder string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, folder)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var err error
	if command.Dir, err = moduleRoot(ctx); err != nil {
		return err
	}
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", folder, err, text)
	}
	return nil
}

// moduleRoot returns the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding go.mod: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(file))), nil
}

func writeFile(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}
