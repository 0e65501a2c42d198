package signin

import "net/http"

// Problem returns what the page to sign in at says of a token that was refused with a
// status and a detail of the API.
func Problem(status int, detail string) string {
	switch status {
	case http.StatusUnauthorized:
		return "This token is not valid here. It may be mistyped, expired, or no longer configured."
	case http.StatusTooManyRequests:
		return "There were too many failed attempts from your address. " + detail
	}
	return detail
}
