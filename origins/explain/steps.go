package explain

import (
	"fmt"
	"slices"
	"strings"

	"originwarden/origins"
)

// explain sets Steps. It asks in the order of Policy.Decide.
func (d *decision) explain() {
	for _, ask := range []func() (question, answer string, decides []origins.Reason){
		d.askOriginLines,
		d.askSameOrigin,
		d.askWellFormed,
		d.askPublicPath,
		d.askOpaque,
		d.askListInForce,
		d.askIntegration,
		d.askListed,
	} {
		question, answer, decides := ask()
		if question == "" {
			continue
		}
		step := Step{Question: question, Answer: answer}
		if slices.Contains(decides, d.byOrigin) {
			step.Reason = d.byOrigin
		}
		d.Steps = append(d.Steps, step)
		if step.Reason != "" {
			break
		}
	}
	d.explainExemption()
	d.explainPreflight()
}

func (d *decision) askOriginLines() (question, answer string, decides []origins.Reason) {
	answer = fmt.Sprint(len(d.request.Origin))
	switch d.byOrigin {
	case origins.NoOrigin:
		answer = "none: this is not a CORS request, and the tenant does not require an origin here"
	case origins.OriginRequired:
		answer = "none, and the tenant requires one here (require_origin)"
	case origins.OriginRepeated:
		answer += ": a browser sends one"
	}
	return "Origin lines", answer, []origins.Reason{origins.OriginRepeated, origins.NoOrigin, origins.OriginRequired}
}

func (d *decision) askSameOrigin() (question, answer string, decides []origins.Reason) {
	answer = "no; its public origins are " + strings.Join(d.policy.PublicOrigins, ", ")
	switch {
	case d.byOrigin == origins.SameOrigin && d.origin() == "null":
		answer = "yes: null, with Sec-Fetch-Site: same-origin, which no script can set"
	case d.byOrigin == origins.SameOrigin:
		answer = "yes"
	case len(d.policy.PublicOrigins) == 0:
		answer = "no; it has no public origins"
	}
	return "An origin of the tenant itself", answer, []origins.Reason{origins.SameOrigin}
}

func (d *decision) askWellFormed() (question, answer string, decides []origins.Reason) {
	answer = "yes"
	switch {
	case d.byOrigin == origins.OriginMalformed:
		answer = "no: browsers send no such origin"
	case d.origin() == "null":
		answer = "yes: null"
	}
	return "Well formed", answer, []origins.Reason{origins.OriginMalformed}
}

func (d *decision) askPublicPath() (question, answer string, decides []origins.Reason) {
	if len(d.policy.PublicPaths) == 0 {
		return "", "", nil
	}
	answer = "no"
	if d.byOrigin == origins.PathPublic {
		answer = "yes: any page may read it, without credentials"
	}
	return "A public path that is only read", answer, []origins.Reason{origins.PathPublic}
}

func (d *decision) askOpaque() (question, answer string, decides []origins.Reason) {
	if d.byOrigin != origins.OriginOpaque {
		return "", "", nil
	}
	return "Opaque origin", "yes: any page can send null, so no list can hold it", []origins.Reason{origins.OriginOpaque}
}

func (d *decision) askListInForce() (question, answer string, decides []origins.Reason) {
	switch d.byOrigin {
	case origins.ListUnavailable:
		answer = "unavailable: the store has not answered, and no list was kept"
	case origins.ListStale:
		answer = "stale: it was last confirmed too long ago (max_staleness)"
	default:
		answer = fmt.Sprintf("revision %d, entries: %d", d.list.Revision(), d.list.Len())
	}
	return "List in force", answer, []origins.Reason{origins.ListUnavailable, origins.ListStale}
}

func (d *decision) askIntegration() (question, answer string, decides []origins.Reason) {
	id, named := d.request.Integration.ID()
	answer = "none: every web integration of the tenant counts"
	switch {
	case d.byOrigin == origins.WebIntegrationAmbiguous:
		answer = "several, which differ"
	case d.byOrigin == origins.WebIntegrationUnknown:
		answer = fmt.Sprintf("%q, which the tenant does not have", id)
	case named:
		answer = fmt.Sprintf("%q: only that one counts", id)
	}
	return "Web integration that the request names", answer, []origins.Reason{origins.WebIntegrationAmbiguous, origins.WebIntegrationUnknown}
}

func (d *decision) askListed() (question, answer string, decides []origins.Reason) {
	switch {
	case d.byOrigin == origins.Listed && d.Pattern != "":
		answer = "yes, by the pattern " + d.Pattern
	case d.byOrigin == origins.Listed:
		answer = "yes"
	case d.Pattern != "":
		answer = "no; the pattern " + d.Pattern + " matches, but the tenant's configuration does not permit it (patterns)"
	default:
		answer = "no"
	}
	return "Listed", answer, []origins.Reason{origins.Listed, origins.OriginNotListed, origins.OriginNotInWebIntegration}
}

// explainExemption adds the step that turns a refusal into PathExempt, where there may
// be one.
func (d *decision) explainExemption() {
	if len(d.policy.PostFromAnywhere) == 0 || d.byOrigin.Verdict() == origins.Allowed {
		return
	}
	step := Step{Question: "A path to which any page may POST", Answer: "no"}
	if d.beforePreflight == origins.PathExempt {
		step.Answer, step.Reason = "yes (post_from_anywhere)", origins.PathExempt
	}
	d.Steps = append(d.Steps, step)
}

// explainPreflight adds the steps of a preflight that is otherwise allowed.
func (d *decision) explainPreflight() {
	if d.request.Kind != origins.Preflight || d.beforePreflight.Verdict() == origins.Refused {
		return
	}
	method := Step{Question: "Method of the request that follows", Answer: strings.Join(d.request.Methods, ", ") + ": allowed"}
	if d.Reason == origins.MethodNotAllowed {
		method.Answer = fmt.Sprintf("%s: not allowed; allowed are GET, HEAD, POST, and in the configuration: %s",
			strings.Join(d.request.Methods, ", "), strings.Join(d.policy.Methods, ", "))
		method.Reason = d.Reason
		d.Steps = append(d.Steps, method)
		return
	}
	headers := Step{Question: "Headers of the request that follows", Answer: "allowed"}
	if d.Reason == origins.HeaderNotAllowed {
		headers.Answer, headers.Reason = "not allowed: "+d.refusedHeader(), d.Reason
	} else if strings.Join(d.request.Headers, "") == "" {
		headers.Answer = "none"
	}
	d.Steps = append(d.Steps, method, headers)
}

// refusedHeader returns the first header that the policy does not allow.
func (d *decision) refusedHeader() string {
	for name, ok := range origins.RequestHeaders(d.request.Headers) {
		if !ok {
			break
		}
		alone := *d.request
		alone.Headers = []string{name}
		if reason, _ := decide(d.policy, &alone, d.list); reason == origins.HeaderNotAllowed {
			return name
		}
	}
	return "a name that is not one, or too many of them"
}

func (d *decision) origin() string { return d.request.Origin[0] }
