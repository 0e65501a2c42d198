package cli

import (
	"fmt"
	"runtime/debug"

	"originwarden/cmd/originwarden/cli/command"

	"github.com/spf13/cobra"
)

// build is what this program was made from.
type build struct {
	version string // of the module, "(devel)" outside of a release
	commit  string // "unknown" when it was built without version control
	goVersion,
	platform string
}

// thisBuild reads what the Go command has left in the program.
func thisBuild() build {
	b := build{version: "unknown", commit: "unknown", goVersion: "unknown"}
	read, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.version, b.goVersion = read.Main.Version, read.GoVersion
	settings := map[string]string{}
	for _, setting := range read.Settings {
		settings[setting.Key] = setting.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		b.commit = revision
	}
	if settings["vcs.modified"] == "true" {
		b.commit += " and changes"
	}
	b.platform = settings["GOOS"] + "/" + settings["GOARCH"]
	return b
}

// String is the lines that the program tells its version with.
func (b build) String() string {
	return fmt.Sprintf("originwarden %s\ncommit %s\n%s %s\n", b.version, b.commit, b.goVersion, b.platform)
}

func newVersion(env Environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Args:  command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.Stdout, thisBuild())
			return command.Failed(err)
		},
	}
}
