package origins

// Reason is why a request is allowed or refused. Its string is the same in bodies,
// log lines and metric labels.
type Reason string

// The reasons. The zero value is not a reason; its verdict is Refused.
const (
	// Listed: the tenant's list contains the origin.
	Listed Reason = "listed"
	// SameOrigin: the origin is one of the tenant's public origins.
	SameOrigin Reason = "same_origin"
	// NoOrigin: the request has no Origin, so it is not a CORS request.
	NoOrigin Reason = "no_origin"
	// PathExempt: a POST to a path of PostFromAnywhere.
	PathExempt Reason = "path_exempt"
	// PathPublic: a GET or HEAD of one of PublicPaths, or a preflight for it.
	PathPublic Reason = "path_public"

	// OriginNotListed: a well-formed origin that is not in the list.
	OriginNotListed Reason = "origin_not_listed"
	// OriginMalformed: no browser sends such an Origin.
	OriginMalformed Reason = "origin_malformed"
	// OriginOpaque: the Origin is null, which any page can have.
	OriginOpaque Reason = "origin_opaque"
	// OriginRepeated: several Origin lines.
	OriginRepeated Reason = "origin_repeated"
	// OriginRequired: no Origin, where the tenant requires one.
	OriginRequired Reason = "origin_required"
	// WebIntegrationUnknown: the tenant has no web integration of that id.
	WebIntegrationUnknown Reason = "web_integration_unknown"
	// OriginNotInWebIntegration: that web integration does not contain the origin.
	OriginNotInWebIntegration Reason = "origin_not_in_web_integration"
	// WebIntegrationAmbiguous: the request names different ids.
	WebIntegrationAmbiguous Reason = "web_integration_ambiguous"
	// MethodNotAllowed: the preflight asks for a method that is not allowed.
	MethodNotAllowed Reason = "method_not_allowed"
	// HeaderNotAllowed: the preflight asks for a header that is not allowed.
	HeaderNotAllowed Reason = "header_not_allowed"
	// ListUnavailable: the list is unavailable.
	ListUnavailable Reason = "list_unavailable"
	// ListStale: the list was last confirmed too long ago.
	ListStale Reason = "list_stale"
)

// Verdict is whether a request is allowed.
type Verdict string

const (
	Allowed Verdict = "allowed"
	Refused Verdict = "refused"
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		Listed, SameOrigin, NoOrigin, PathExempt, PathPublic,
		OriginNotListed, OriginMalformed, OriginOpaque, OriginRepeated, OriginRequired,
		WebIntegrationUnknown, OriginNotInWebIntegration, WebIntegrationAmbiguous,
		MethodNotAllowed, HeaderNotAllowed, ListUnavailable, ListStale,
	}
}

// Verdict returns Allowed for Listed, SameOrigin, NoOrigin, PathExempt and PathPublic,
// and Refused for all other reasons.
func (r Reason) Verdict() Verdict {
	switch r {
	case Listed, SameOrigin, NoOrigin, PathExempt, PathPublic:
		return Allowed
	}
	return Refused
}
