package extauthz

import (
	"strings"

	"originwarden/origins"
	"originwarden/proxy"
	"originwarden/proxy/cors"
	"originwarden/proxy/decide/extauthz/wire"
)

// Fields that Envoy is told to drop. They are not changed.
var (
	credentials = []string{"cookie", "authorization"}
	// corsNames are those that browsers read in the response to an actual request.
	corsNames = []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"}
)

// respond returns the message for an answer.
func respond(a *proxy.Answer) *wire.CheckResponse {
	response := &wire.CheckResponse{
		Forwards: a.Forwards, Status: a.Status, Body: string(a.Body), Verdict: string(origins.Refused), Reason: a.Reason,
		Headers: make([]wire.HeaderOption, 0, len(a.Header)+len(corsNames)+1),
	}
	if a.Verdict == origins.Allowed {
		response.Verdict = string(origins.Allowed)
	}
	for _, f := range a.Header {
		addLines(response, f)
	}
	if a.Forwards && !a.KeepsCORS {
		empty(response, a)
	}
	return response
}

// addLines adds the lines of a field, which replace those that Envoy has from the tenant,
// if they are not about the tenant's response too.
func addLines(response *wire.CheckResponse, f cors.Field) {
	action := wire.Set
	if response.Forwards && f.Name == "Vary" {
		action = wire.Add
	}
	for _, value := range f.Values {
		response.Headers = append(response.Headers, wire.HeaderOption{Name: lowerCase(f.Name), Value: value, Action: action})
		action = wire.Add
	}
}

// empty empties what the tenant's response must not have. Envoy cannot be told to remove a
// field of a response: an empty value allows nothing to an origin (Fetch, section 4.10),
// and sets no cookie (RFC 6265, section 5.2).
func empty(response *wire.CheckResponse, a *proxy.Answer) {
	for _, name := range corsNames {
		if !has(a.Header, name) {
			response.Headers = append(response.Headers, wire.HeaderOption{Name: lowerCase(name), Action: wire.Replace})
		}
	}
	if a.DropsCredentials {
		response.Headers = append(response.Headers, wire.HeaderOption{Name: "set-cookie", Action: wire.Replace})
		response.RemovedHeaders = credentials
	}
}

func has(all []cors.Field, name string) bool {
	for _, f := range all {
		if f.Name == name {
			return true
		}
	}
	return false
}

// lowerCase returns a name as HTTP/2 has it.
func lowerCase(name string) string {
	switch name {
	case "Access-Control-Allow-Origin":
		return "access-control-allow-origin"
	case "Access-Control-Allow-Credentials":
		return "access-control-allow-credentials"
	case "Access-Control-Allow-Methods":
		return "access-control-allow-methods"
	case "Access-Control-Allow-Headers":
		return "access-control-allow-headers"
	case "Access-Control-Expose-Headers":
		return "access-control-expose-headers"
	case "Access-Control-Max-Age":
		return "access-control-max-age"
	case "Cache-Control":
		return "cache-control"
	case "Content-Type":
		return "content-type"
	case "Vary":
		return "vary"
	}
	return strings.ToLower(name)
}
