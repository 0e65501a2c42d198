package proxy

import (
	"strings"

	"originwarden/proxy/problem"
)

// Limits returns all values of Exchange.Limit but the empty one.
func Limits() []string { return problem.Limits() }

// refusal returns the response to a request that the decision refused.
func (x *exchange) refusal() *problem.Problem {
	p := problem.Refusal(x.Decision, x.OwnHost)
	if meta := x.nearestMeta(); meta != nil {
		return p.WithMeta(meta)
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
	x.own.add("Cache-Control", noStore)
	if p.Header[0] != "" {
		x.own.add(p.Header[0], []string{p.Header[1]})
	}
	x.own.add("Content-Type", jsonType)
	x.own.body = p.Body(x.TraceID)
	return &x.own
}
