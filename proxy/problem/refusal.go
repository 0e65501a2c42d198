package problem

import (
	"net/http"

	"originwarden/origins"
)

// Refusal returns the response to a request that the decision refused for a reason. It
// is never 401: browser clients answer that by navigating to a login page. ownHost says
// that the origin has the host of the request.
func Refusal(reason origins.Reason, ownHost bool) *Problem {
	if ownHost {
		return ownHostRefusals[reason]
	}
	return refusals[reason]
}

// WithMeta returns a problem that is p with Meta.
func (p *Problem) WithMeta(meta map[string]any) *Problem {
	return &Problem{Status: p.Status, Code: p.Code, Title: p.Title, Detail: p.Detail, Meta: meta, Header: p.Header, Limit: p.Limit}
}

// The problems of all reasons in explanations. They are not changed.
var (
	refusals        = newRefusals("")
	ownHostRefusals = newRefusals(ownHostDetail)
)

func newRefusals(more string) map[origins.Reason]*Problem {
	all := map[origins.Reason]*Problem{}
	for reason, explanation := range explanations {
		p := &Problem{Status: http.StatusForbidden, Code: string(reason), Title: "Origin refused", Detail: explanation + refusalAdvice + more}
		switch reason {
		case origins.OriginRepeated:
			p.Status = http.StatusBadRequest
		case origins.ListUnavailable, origins.ListStale:
			p.Status, p.Header = http.StatusServiceUnavailable, [2]string{"Retry-After", "1"}
		}
		all[reason] = p
	}
	return all
}

// Where to read on. The client learns no more, because lists are not public.
// ownHostDetail follows the explanation of a refusal whose origin has the host of the
// request.
const (
	refusalAdvice = " What to do: see docs/decision.md#the-reasons. The tenant's administrators can run: originwarden refused."
	ownHostDetail = " Its host is the one that the request was sent to. If that is the tenant's own address, its operator should add the origin to public_origins."
)

// explanations has the Problem.Detail of each reason for which the decision refuses a
// request.
var explanations = map[origins.Reason]string{
	origins.OriginNotListed:           "No web integration of this tenant lists the origin.",
	origins.OriginMalformed:           "The Origin is not the serialization of an origin that can be listed.",
	origins.OriginOpaque:              "The origin is opaque (null), which no list can hold.",
	origins.OriginRepeated:            "The request has several Origin lines.",
	origins.OriginRequired:            "This request needs an Origin.",
	origins.WebIntegrationUnknown:     "The tenant has no web integration of the given id.",
	origins.OriginNotInWebIntegration: "The given web integration does not list the origin.",
	origins.WebIntegrationAmbiguous:   "The request names several web integrations.",
	origins.MethodNotAllowed:          "The preflight asks for a method that is not allowed.",
	origins.HeaderNotAllowed:          "The preflight asks for a header that is not allowed.",
	origins.ListUnavailable:           "The tenant's list is unavailable.",
	origins.ListStale:                 "The tenant's list is out of date.",
}
