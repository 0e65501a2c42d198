// Package wording says in plain English what the pages show as codes.
package wording

import (
	"strings"

	"originwarden/origins"
)

// Sentence says what a reason means.
func Sentence(reason string) string {
	switch origins.Reason(reason) {
	case origins.Listed:
		return "The list in force has the origin."
	case origins.SameOrigin:
		return "The origin is one of the tenant itself."
	case origins.NoOrigin:
		return "The request has no origin, so it is no CORS request."
	case origins.PathExempt:
		return "Any page may POST to this path."
	case origins.PathPublic:
		return "Any page may read this path, without credentials."
	case origins.OriginNotListed:
		return "No web integration of the tenant lists the origin."
	}
	if text := Advice(origins.Reason(reason)); text != "" {
		return text
	}
	return "The gateway answers this before it decides about the origin."
}

// Advice says what to do about requests that are refused for a reason, where listing the
// origin does not help.
func Advice(reason origins.Reason) string {
	switch reason {
	case origins.OriginNotInWebIntegration:
		return "The page names a web integration that does not list its origin. List it there, or correct the id in the page."
	case origins.WebIntegrationUnknown:
		return "The page names a web integration that this tenant does not have. Correct the id in the page."
	case origins.WebIntegrationAmbiguous:
		return "The request names several web integrations. Correct the page."
	case origins.OriginMalformed:
		return "No browser sends this origin. A program does; nothing can list it."
	case origins.OriginOpaque:
		return "A sandboxed frame, a local file or a redirect sends null. No list can hold it; an operator can permit paths by post_from_anywhere or public_paths."
	case origins.OriginRepeated:
		return "A program or a proxy sends several Origin lines. Correct it there."
	case origins.OriginRequired:
		return "The tenant requires an origin here (require_origin), and the request had none."
	case origins.MethodNotAllowed:
		return "The origin is not the cause: the preflight asks for a method that an operator has not allowed (cors.methods)."
	case origins.HeaderNotAllowed:
		return "The origin is not the cause: the preflight asks for a header that an operator has not allowed (cors.request_headers)."
	case origins.ListUnavailable, origins.ListStale:
		return "The gateway had no current list at that time."
	}
	return ""
}

// Agent names a family of user agents.
func Agent(family string) string {
	switch family {
	case "none":
		return "a client without a User-Agent"
	case "other":
		return "another client"
	case "go", "java", "python":
		return "a program in " + strings.ToUpper(family[:1]) + family[1:]
	case "", "curl":
		return family
	case "node":
		return "Node.js"
	}
	return strings.ToUpper(family[:1]) + family[1:]
}

// Relation says how an entry differs from an origin.
func Relation(r origins.Relation) string {
	switch r {
	case origins.OtherIntegration:
		return "listed by another web integration"
	case origins.OtherScheme:
		return "other scheme"
	case origins.OtherCase:
		return "other case"
	case origins.OtherPort:
		return "other port"
	case origins.OtherLabel:
		return "other first label"
	case origins.PatternNotAllowed:
		return "a pattern that the configuration does not permit"
	}
	return string(r)
}
