package proxy

import (
	"context"
	"net/http"

	"originwarden/origins"
	"originwarden/proxy/problem"
	"originwarden/proxy/request"
)

// reasonOptionsAsterisk is the reason of OPTIONS *, which is answered without a tenant.
const reasonOptionsAsterisk = "options_asterisk"

// judge decides on the request. It returns the response of the gateway itself, or
// nil if the request is to be forwarded to the API or to the tenant.
func (x *exchange) judge(ctx context.Context) *ownResponse {
	if x.Path == "*" && x.Method == http.MethodOptions {
		// It concerns the server as a whole (RFC 9110, section 9.3.7), which has no list.
		x.Reason, x.Verdict = reasonOptionsAsterisk, origins.Allowed
		x.own.begin(http.StatusNoContent)
		return &x.own
	}
	if p := x.admit(); p != nil {
		return x.refuse(p)
	}
	x.applyDecision(x.decide(ctx))
	switch limit := x.settings.BodyBytes; {
	case x.answersPreflight():
		return x.allowPreflight()
	case !x.mayForward():
		return x.refuse(x.refusal())
	case limit > 0 && x.in.Length > limit:
		return x.refuse(problem.BodyTooLarge)
	}
	return nil
}

// admit finds the tenant and the kind of the request, or returns why it is not a
// request for a tenant.
func (x *exchange) admit() *problem.Problem {
	if p := problem.OfMethod(x.Method); p != nil {
		return p
	}
	if limit := x.settings.URLBytes; limit > 0 && len(x.in.URI) > limit {
		return problem.URLTooLong
	}
	if x.in.NamesSeveralHosts() {
		return problem.BadHost
	}
	if x.tenant = x.settings.hosts.Find(x.in.Host); x.tenant == nil {
		return x.settings.unknownHost()
	}
	x.Tenant = x.tenant.ID
	kind, ok := x.in.Kind()
	x.Kind = kind
	switch {
	case !ok:
		return problem.UpgradeRefused
	case !x.in.HasValidTarget(), x.tenant.prefix != "" && x.in.Target().MayLeaveRoot():
		return problem.BadTarget
	}
	x.API = x.tenant.isAPIPath(x.Path)
	return nil
}

// unknownHost returns the response to a host that no tenant has.
func (s *settings) unknownHost() *problem.Problem {
	if s.hosts.IsLoopbackOnly() {
		return problem.HostNotLoopback
	}
	return problem.TenantUnknown
}

// decide loads the list only if the decision needs it.
func (x *exchange) decide(ctx context.Context) origins.Reason {
	policy := x.policy()
	x.in.ForDecision(x.Kind, &x.decided)
	if reason, decided := policy.Screen(&x.decided); decided {
		return reason
	}
	list, err := x.gateway.lists.List(ctx, x.tenant.ID)
	if err != nil && ctx.Err() != nil { // see responseContext
		list, err = x.gateway.lists.List(context.WithoutCancel(ctx), x.tenant.ID)
	}
	x.Err = err
	reason, pattern := policy.DecideByList(&x.decided, list)
	x.Pattern = pattern
	if reason != origins.OriginNotListed && reason != origins.OriginNotInWebIntegration {
		return reason
	}
	// Browsers send Origin for the tenant's own pages too: with POST, and for scripts
	// that are marked crossorigin. It stays refused, because a page that rebinds its
	// name has that host too, and only the operator knows the tenant's addresses.
	x.OwnHost = request.IsSentToOrigin(x.Origin, x.in.Host)
	if x.tenant.Debug {
		x.Nearest = list.Nearest(x.decided.Origin[0], policy.Patterns)
	}
	return reason
}
