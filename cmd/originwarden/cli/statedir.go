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

// listsPlace is where a start without a configuration file keeps the lists.
type listsPlace struct {
	dir string // that is made if it is missing; "" is where the configuration says
	// passedBy is the directory that is not used, because versions before have
	// left their lists in the working directory.
	passedBy string
}

// placeOfLists returns the directory of --data, or else the user's own, unless the
// lists are configured to be elsewhere or are in the working directory already.
func placeOfLists(getenv func(string) string, data string, configured bool) listsPlace {
	switch dir := stateDirectory(runtime.GOOS, getenv); {
	case data != "":
		return listsPlace{dir: data}
	case configured || dir == "":
		return listsPlace{}
	case isThere(config.Default().Store.URL.Path):
		return listsPlace{passedBy: dir}
	default:
		return listsPlace{dir: dir}
	}
}

// isThere reports whether there is something of that name, or may be.
func isThere(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// stateDirectory is where a program of this name keeps what outlives it: that of
// systemd's unit, or the user's. It is "" where there is neither.
func stateDirectory(system string, getenv func(string) string) string {
	const name = "originwarden"
	if of, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); of != "" {
		return of
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

// flags are what the place comes to for the configuration.
func (p listsPlace) flags() []config.Flag {
	if p.dir == "" {
		return nil
	}
	return []config.Flag{{Name: "data", Value: p.dir}}
}

// prepare makes the directory, and says where the lists are if that may surprise.
func (p listsPlace) prepare(log *logs.Logger) error {
	if p.passedBy != "" {
		file := config.Default().Store.URL.Path
		log.Warn("using the lists in the working directory, where earlier versions stored them", zap.String("file", file),
			zap.String("fix", "move "+file+"* and "+server.AdminTokenName+" to "+p.passedBy+" while no gateway runs, or start with --data ."))
	}
	if p.dir == "" {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("making the directory for the lists: %w: name another one with --data", err)
	}
	return nil
}
