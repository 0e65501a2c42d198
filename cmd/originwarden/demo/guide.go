package demo

import (
	_ "embed"
	"io"
	"net"
	"strings"
	"text/template"

	"originwarden/cmd/originwarden/server"
)

// guideText has commands for a POSIX shell on the lines that begin with spaces and
// curl or id.
//
//go:embed guide.txt
var guideText string

// printGuide prints the guide at once, not around lines of the log, and ignores errors:
// the example runs without a reader. signIn is the path of a link to the console.
func (e *Example) printGuide(tenants, admin net.Addr, signIn string) {
	listed, other := pageOrigins(e.listed.Addr()), pageOrigins(e.other.Addr())
	var text strings.Builder
	template.Must(template.New("guide").Parse(guideText)).Execute(&text, map[string]string{
		"Gateway": "http://" + server.LocalAddress(tenants),
		"Admin":   "http://" + server.LocalAddress(admin),
		"Listed":  listed[0],
		"Other":   other[0], "OtherAlias": other[1],
		"Token":   e.token,
		"SignIn":  signIn,
		"Program": e.Program,
	})
	io.WriteString(e.Stdout, text.String())
}
