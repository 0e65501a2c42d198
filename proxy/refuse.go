package proxy

import (
	"net/http"
	"strings"

	"originwarden/envelope"
	"originwarden/origins"
	"originwarden/proxy/problem"
)

// Limits returns all values of Exchange.Limit but the empty one.
func Limits() []string { return problem.Limits() }

// refusal returns the response to a request that the decision refused. It is never
// 401: browser clients answer that by navigating to a login page.
func (x *exchange) refusal() *problem.Problem {
	p := &problem.Problem{Status: http.StatusForbidden, Code: x.Reason, Title: "Origin refused", Detail: problem.Explanations[x.Decision]}
	switch x.Decision {
	case origins.OriginRepeated:
		p.Status = http.StatusBadRequest
	case origins.ListUnavailable, origins.ListStale:
		p.Status, p.Header = http.StatusServiceUnavailable, [2]string{"Retry-After", "1"}
	}
	p.Meta = x.nearestMeta()
	if x.OwnHost {
		p.Detail += problem.OwnHostDetail
	}
	return p
}

// nearestMeta returns what a tenant with Debug adds to a refusal.
func (x *exchange) nearestMeta() map[string]any {
	if x.Nearest.Relation == "" {
		return nil
	}
	return map[string]any{"nearest": map[string]any{"relation": x.Nearest.Relation, "entry": x.Nearest.Entry}}
}

// refuse returns the response for p: in the envelope, and not to be stored. It
// repeats nothing of the request but the trace id.
func (x *exchange) refuse(p *problem.Problem) *ownResponse {
	if x.Reason == "" {
		x.Reason = strings.ToLower(p.Code)
	}
	x.Limit = p.Limit
	x.own.begin(p.Status)
	x.own.add("Cache-Control", x.settings.fixed.noStore)
	if p.Header[0] != "" {
		x.own.add(p.Header[0], []string{p.Header[1]})
	}
	x.own.add("Content-Type", jsonType)
	x.own.body = envelope.Encode(x.TraceID, p.Status, envelope.Error{Code: p.Code, Title: p.Title, Detail: p.Detail, Meta: p.Meta})
	return &x.own
}
