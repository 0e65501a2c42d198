package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"originwarden/cmd/originwarden/cli/command"

	"github.com/spf13/cobra"
)

// build is what the Go command recorded in this program.
type build struct{ version, commit, goVersion, platform string }

func thisBuild() build {
	read, ok := debug.ReadBuildInfo()
	if !ok {
		return build{version: "unknown", commit: "unknown", goVersion: "unknown"}
	}
	settings := map[string]string{}
	for _, setting := range read.Settings {
		settings[setting.Key] = setting.Value
	}
	commit := cmp.Or(settings["vcs.revision"], "unknown")
	if settings["vcs.modified"] == "true" {
		commit += " and changes"
	}
	return build{read.Main.Version, commit, read.GoVersion, settings["GOOS"] + "/" + settings["GOARCH"]}
}

// String returns the output of version.
func (b build) String() string {
	return fmt.Sprintf("originwarden %s\ncommit %s\n%s %s\n", b.version, b.commit, b.goVersion, b.platform)
}

func newVersion(env Environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		Args:  command.NoArguments,
		RunE:  func(*cobra.Command, []string) error { return env.Print([]byte(thisBuild().String())) },
	}
}
