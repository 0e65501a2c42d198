package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.uber.org/zap"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server"
)

// listsDirectory is where a start without a configuration file keeps the lists.
type listsDirectory struct {
	path string // created if missing; "": the configuration names the place
	// unused is the default that is not used because an earlier version left its
	// lists in the working directory.
	unused string
}

// chooseListsDirectory returns the directory of --data, or else the user's own,
// unless the lists are configured to be elsewhere or are in the working directory
// already.
func chooseListsDirectory(getenv func(string) string, data string, configured bool) listsDirectory {
	switch dir := stateDirectory(runtime.GOOS, getenv); {
	case data != "":
		return listsDirectory{path: data}
	case configured || dir == "":
		return listsDirectory{}
	case mayExist(config.Default().Store.URL.Path):
		return listsDirectory{unused: dir}
	default:
		return listsDirectory{path: dir}
	}
}

func mayExist(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// stateDirectory returns the state directory of the systemd unit, or else the
// user's, or "" if there is neither.
func stateDirectory(system string, getenv func(string) string) string {
	const name = "originwarden"
	if first, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); first != "" {
		return first
	}
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, name)
	}
	var parent []string
	switch system {
	case "windows":
		parent = []string{getenv("LocalAppData")}
	case "darwin":
		parent = []string{getenv("HOME"), "Library", "Application Support"}
	default:
		parent = []string{getenv("HOME"), ".local", "state"}
	}
	if !filepath.IsAbs(parent[0]) {
		return ""
	}
	return filepath.Join(append(parent, name)...)
}

// flags returns the directory as a flag of the configuration.
func (d listsDirectory) flags() []config.Flag {
	if d.path == "" {
		return nil
	}
	return []config.Flag{{Name: "data", Value: d.path}}
}

// prepare makes the directory, and warns if the lists are not in the default one.
func (d listsDirectory) prepare(log *logs.Logger) error {
	if d.unused != "" {
		file := config.Default().Store.URL.Path
		log.Warn("using the lists in the working directory, where earlier versions stored them", zap.String("file", file),
			zap.String("fix", "move "+file+"* and "+server.AdminTokenName+" to "+d.unused+" while no gateway runs, or start with --data ."))
	}
	if d.path == "" {
		return nil
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return fmt.Errorf("making the directory for the lists: %w: name another one with --data", err)
	}
	return nil
}
