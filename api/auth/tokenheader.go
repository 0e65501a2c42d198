package auth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// tokenHeader is the header of a signed token (RFC 7515, section 4.1).
type tokenHeader struct {
	algorithm string
	keyID     string // "" names no key
}

// parseTokenHeader parses the header of a token in the compact serialization.
// A parameter of the wrong type makes the token invalid; go-jose ignores some
// of these. Errors do not quote the token.
func parseTokenHeader(token string) (tokenHeader, error) {
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return tokenHeader{}, errors.New("the token's header is not base64url")
	}
	header, err := parseMembers(text)
	if err != nil {
		return tokenHeader{}, errors.New("the token's header is not a JSON object")
	}
	algorithm := header.stringAt("alg")
	switch {
	case !slices.Contains(algorithms(), algorithm):
		return tokenHeader{}, errors.New("the token's algorithm is unsupported")
	case header["kid"] != nil && header["kid"].Kind() != '"':
		return tokenHeader{}, errors.New("the token's key id is not a string")
	case header["typ"] != nil && !isAccessTokenType(header.stringAt("typ")):
		return tokenHeader{}, errors.New("the token's type is not that of an access token")
	case header["crit"] != nil: // no extension is supported, and anything but a list of names is invalid (section 4.1.11)
		return tokenHeader{}, errors.New("the token has critical header parameters")
	case header["b64"] != nil && header["b64"].Kind() != 't': // not in a JSON Web Token (RFC 7797, section 7)
		return tokenHeader{}, errors.New("the token's payload is not base64url")
	}
	return tokenHeader{algorithm, header.stringAt("kid")}, nil
}

// isAccessTokenType refuses the types of other tokens that the issuer signs,
// such as logout tokens (RFC 8725, section 3.11).
func isAccessTokenType(mediaType string) bool {
	switch strings.TrimPrefix(strings.ToLower(mediaType), "application/") {
	case "jwt", "at+jwt": // RFC 9068, section 2.1
		return true
	}
	return false
}
