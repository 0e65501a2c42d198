package auth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// tokenHeader is what decides of the header of a signed token (RFC 7515, section
// 4.1).
type tokenHeader struct {
	algorithm jose.SignatureAlgorithm
	keyID     string // "" names no key
}

// parseTokenHeader reads the header of a token in the compact serialization. A
// parameter that is not of its type makes the token invalid; go-jose takes some
// of these for absent. No error tells what came.
func parseTokenHeader(token string) (tokenHeader, error) {
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return tokenHeader{}, errors.New("the token's header is not base64url")
	}
	var given claims
	if err := json.Unmarshal(text, &given); err != nil || given == nil { // also for doubled names
		return tokenHeader{}, errors.New("the token's header is not a JSON object")
	}
	h := tokenHeader{jose.SignatureAlgorithm(given.text("alg")), given.text("kid")}
	switch {
	case !slices.Contains(algorithms(), h.algorithm):
		return tokenHeader{}, errors.New("the token's algorithm is not one that is accepted")
	case given["kid"] != nil && given["kid"].Kind() != '"':
		return tokenHeader{}, errors.New("the token's key id is not a string")
	case given["typ"] != nil && !isAccessToken(given.text("typ")):
		return tokenHeader{}, errors.New("the token's type is not that of an access token")
	case given["crit"] != nil: // no extension is understood, and what is no list of names is invalid (section 4.1.11)
		return tokenHeader{}, errors.New("the token has critical header parameters")
	case given["b64"] != nil && given["b64"].Kind() != 't': // not in a JSON Web Token (RFC 7797, section 7)
		return tokenHeader{}, errors.New("the token's payload is not base64url")
	}
	return h, nil
}

// isAccessToken refuses the type of what the issuer signs but is no access token,
// such as a logout token (RFC 8725, section 3.11).
func isAccessToken(mediaType string) bool {
	switch strings.TrimPrefix(strings.ToLower(mediaType), "application/") {
	case "jwt", "at+jwt": // RFC 9068, section 2.1
		return true
	}
	return false
}
