package auth

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// tokenPrefix makes tokens recognisable to people and to scanners for secrets.
const tokenPrefix = "ow_"

const tokenBytes = 32 // of randomness

// NewToken returns a new token of 256 random bits.
func NewToken() string {
	var raw [tokenBytes]byte
	rand.Read(raw[:]) // never fails since Go 1.24
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// IsToken reports whether text has the form of a token made by NewToken.
func IsToken(text string) bool {
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	return ok && err == nil && len(raw) == tokenBytes
}
