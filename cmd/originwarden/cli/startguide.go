package cli

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/template"

	"originwarden/cmd/originwarden/config"
	"originwarden/cmd/originwarden/server"
	"originwarden/envelope/escape"
)

// startGuide is what serve prints on a terminal if there is no configuration file.
type startGuide struct {
	Program           string // quoted for a shell
	Upstream, Gateway string // URLs
	Access            string // the flags for the server and the token
	Console           string // the URL of the console, or ""
	Listed            bool   // --origin has origins
	Directory         string // of the lists and the token
	Token             string // the file
}

const startGuideText = `
{{.Gateway}} is now in front of {{.Upstream}}. Next, in another shell, list {{if .Listed}}more origins{{else}}the origin of your page{{end}}:
  {{.Program}} web-integration create --name "my page" --validOrigins {{if .Listed}}https://more.example{{else}}http://localhost:5173{{end}} {{.Access}}
See which origins were refused:
  {{.Program}} refused {{.Access}}
{{with .Console}}Or open {{.}} and sign in with the token.
{{end}}The lists are in {{.Directory}}, and an administrator's token in {{.Token}}.
{{if not .Listed}}To list an origin at the start: --origin http://localhost:5173. {{end}}Ctrl-C stops.

`

func newStartGuide(program string, cfg *config.Config, tenants, admin net.Addr, listed bool) startGuide {
	directory := filepath.Dir(cfg.Store.URL.Path)
	if absolute, err := filepath.Abs(directory); err == nil {
		directory = absolute
	}
	token := filepath.Join(directory, server.AdminTokenName)
	gateway, console := "http://"+server.LocalAddress(tenants), ""
	if cfg.Admin.Console {
		console = "http://" + server.LocalAddress(admin)
	}
	return startGuide{
		Program:   program,
		Upstream:  cfg.Tenants[0].Upstream.String(),
		Gateway:   gateway,
		Access:    "--server " + gateway + " --token-file " + quoteForShell(token),
		Console:   console,
		Listed:    listed,
		Directory: escape.Text(directory),
		Token:     escape.Text(token),
	}
}

// print writes the guide to out at once, and ignores errors: the gateway runs
// without a reader.
func (g startGuide) print(out io.Writer) {
	var text strings.Builder
	template.Must(template.New("guide").Parse(startGuideText)).Execute(&text, g)
	io.WriteString(out, text.String())
}

// quoteForShell quotes the name of a file for a shell of this system.
func quoteForShell(name string) string {
	switch {
	case regexp.MustCompile(`^[\w./:\\@+-]+$`).MatchString(name):
		return name
	case runtime.GOOS == "windows":
		return `"` + name + `"`
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// programName returns how to call this program from a shell.
func programName() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/originwarden"
	}
	return quoteForShell(os.Args[0])
}
