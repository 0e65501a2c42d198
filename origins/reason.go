package origins

// Reason is why a request is allowed or refused. Its string is the same in bodies,
// log lines and metric labels.
type Reason uint8

// The reasons. The zero value is none of them, and its verdict is Refused.
const (
	undecided Reason = iota

	// Listed: the tenant's list contains the origin.
	Listed
	// SameOrigin: the origin is one of the tenant's public origins.
	SameOrigin
	// NoOrigin: the request has no Origin, so it is not a CORS request.
	NoOrigin
	// PathExempt: a POST to a path of PostFromAnywhere.
	PathExempt

	// OriginNotListed: a well-formed origin that is not in the list.
	OriginNotListed
	// OriginMalformed: no browser sends such an Origin.
	OriginMalformed
	// OriginOpaque: the Origin is null, which any page can have.
	OriginOpaque
	// OriginRepeated: several Origin lines.
	OriginRepeated
	// OriginRequired: no Origin, where the tenant requires one.
	OriginRequired
	// WebIntegrationUnknown: the tenant has no web integration of that id.
	WebIntegrationUnknown
	// OriginNotInWebIntegration: that web integration does not contain the origin.
	OriginNotInWebIntegration
	// WebIntegrationAmbiguous: the request names different ids.
	WebIntegrationAmbiguous
	// MethodNotAllowed: the preflight asks for a method that is not allowed.
	MethodNotAllowed
	// HeaderNotAllowed: the preflight asks for a header that is not allowed.
	HeaderNotAllowed
	// ListUnavailable: the list is unavailable.
	ListUnavailable
	// ListStale: the list was last confirmed too long ago.
	ListStale

	reasonCount
)

// Verdict is whether a request is allowed.
type Verdict string

const (
	Allowed Verdict = "allowed"
	Refused Verdict = "refused"
)

// Reasons returns all reasons.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := undecided + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// String returns the reason as it appears in bodies, logs and metric labels.
func (r Reason) String() string {
	switch r {
	case Listed:
		return "listed"
	case SameOrigin:
		return "same_origin"
	case NoOrigin:
		return "no_origin"
	case PathExempt:
		return "path_exempt"
	case OriginNotListed:
		return "origin_not_listed"
	case OriginMalformed:
		return "origin_malformed"
	case OriginOpaque:
		return "origin_opaque"
	case OriginRepeated:
		return "origin_repeated"
	case OriginRequired:
		return "origin_required"
	case WebIntegrationUnknown:
		return "web_integration_unknown"
	case OriginNotInWebIntegration:
		return "origin_not_in_web_integration"
	case WebIntegrationAmbiguous:
		return "web_integration_ambiguous"
	case MethodNotAllowed:
		return "method_not_allowed"
	case HeaderNotAllowed:
		return "header_not_allowed"
	case ListUnavailable:
		return "list_unavailable"
	case ListStale:
		return "list_stale"
	}
	return "undecided"
}

// Verdict returns Allowed for Listed, SameOrigin, NoOrigin and PathExempt, and
// Refused for all other reasons.
func (r Reason) Verdict() Verdict {
	switch r {
	case Listed, SameOrigin, NoOrigin, PathExempt:
		return Allowed
	}
	return Refused
}
