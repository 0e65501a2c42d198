package api

// Codes returns all values of Outcome.Code but the empty one. The names of those
// with a status of 500 or above, and of no others, end in UNAVAILABLE.
func Codes() []string {
	return []string{
		"AUTH-1", "BAD_REQUEST", "HTTP-429", "ISSUER_UNAVAILABLE", "METHOD_NOT_ALLOWED", "STORE_UNAVAILABLE",
		"WEBINTEGRATIONS-4", "WEBINTEGRATIONS-5", "WEBINTEGRATIONS-6",
		"WEBINTEGRATIONS_CONFLICT", "WEBINTEGRATIONS_FORBIDDEN", "WEBINTEGRATIONS_NOT_FOUND",
	}
}
