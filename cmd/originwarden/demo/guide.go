package demo

import (
	"net"
	"text/template"

	"originwarden/cmd/originwarden/server"
)

// guideText has commands for a POSIX shell on the lines that begin with spaces and
// curl or id.
const guideText = `originwarden demo: a tenant, the gateway in front of it at {{.Gateway}}, and two web pages.

Open both in a browser and press their buttons:
  {{.Listed}}  is listed: it sees the tenant's responses
  {{.Other}}  is not: its requests never reach the tenant

Or paste into another shell. Preflights of the listed page (204) and of the other one (403):
  curl -i -X OPTIONS {{.Gateway}}/api/orders/1 -H 'Origin: {{.Listed}}' -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: content-type'
  curl -i -X OPTIONS {{.Gateway}}/api/orders/1 -H 'Origin: {{.Other}}' -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: content-type'

Requests of the listed page (200) and of the other one (403):
  curl -i {{.Gateway}}/api/orders -H 'Origin: {{.Listed}}'
  curl -i {{.Gateway}}/api/orders -H 'Origin: {{.Other}}'

List the other page too, and its next request is answered (200):
  id=$(curl -s {{.Gateway}}/api/v1/web-integrations -H 'Authorization: Bearer {{.Token}}' -H 'Content-Type: application/json' -d '{"name":"the other page","validOrigins":["{{.Other}}","{{.OtherAlias}}"]}' | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
  curl -i {{.Gateway}}/api/orders -H 'Origin: {{.Other}}'

Remove it from the list (204), and its next request is refused (403):
  curl -i -X DELETE {{.Gateway}}/api/v1/web-integrations/$id -H 'Authorization: Bearer {{.Token}}'
  curl -i {{.Gateway}}/api/orders -H 'Origin: {{.Other}}'

The same lists from a shell:
  export ORIGINWARDEN_SERVER={{.Gateway}} ORIGINWARDEN_TOKEN={{.Token}}
  {{.Program}} web-integration ls

Operators have {{.Admin}}/metrics and {{.Admin}}/readyz. Ctrl-C ends the demo.
`

// printGuide ignores errors: the example runs without a reader.
func (e *Example) printGuide(tenants, admin net.Addr) {
	listed, other := pageOrigins(e.listed.Addr()), pageOrigins(e.other.Addr())
	template.Must(template.New("guide").Parse(guideText)).Execute(e.Stdout, map[string]string{
		"Gateway": "http://" + server.LocalAddress(tenants),
		"Admin":   "http://" + server.LocalAddress(admin),
		"Listed":  listed[0],
		"Other":   other[0], "OtherAlias": other[1],
		"Token":   e.token,
		"Program": e.Program,
	})
}
