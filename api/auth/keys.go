package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"
)

// keys are the issuer's public keys, fetched at one time. Apart from granted they are
// immutable.
type keys struct {
	public []jose.JSONWebKey
	at     time.Time
	digest [sha256.Size]byte // of their document
	// granted are the grants of tokens that these keys have signed, by the
	// tokens' hashes.
	granted *lru.Cache[[sha256.Size]byte, grant]
}

// maxGranted bounds the memory of grants to a few megabytes.
const maxGranted = 4096

// parseKeys parses a JWK Set (RFC 7517, section 5). As that section demands,
// keys that are not understood are left out, and so are those that verify no
// signatures. Errors do not quote the document.
func parseKeys(document []byte, at time.Time) (*keys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if json.Unmarshal(document, &set) != nil || set.Keys == nil {
		return nil, errors.New("its keys are not a JSON Web Key Set")
	}
	granted, _ := lru.New[[sha256.Size]byte, grant](maxGranted) // the only error is that of no size
	k := &keys{at: at, digest: sha256.Sum256(document), granted: granted}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && verifiesSignatures(&key) {
			k.public = append(k.public, key)
		}
	}
	return k, nil
}

// verifiesSignatures reports whether the key is a public one for signatures,
// long enough (RFC 7518, section 3.3).
func verifiesSignatures(key *jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= 2048
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// matchingKeys returns the keys that a token with the header may be signed with.
// The header has to name one where there are several (OpenID Connect Core,
// section 10.1).
func (k *keys) matchingKeys(header tokenHeader) []crypto.PublicKey {
	if header.keyID == "" && len(k.public) != 1 {
		return nil
	}
	var matching []crypto.PublicKey
	for _, key := range k.public {
		named := header.keyID == "" || header.keyID == key.KeyID
		if named && (key.Algorithm == "" || key.Algorithm == header.algorithm) {
			matching = append(matching, key.Key)
		}
	}
	return matching
}

// inheritGrants takes over the grants of older keys, if these are the same.
func (k *keys) inheritGrants(older *keys) {
	if older != nil && older.digest == k.digest {
		k.granted = older.granted
	}
}

// grantedPrincipal returns the principal of the token with the hash, if these keys
// signed it, it has not expired, and by granted it.
func (k *keys) grantedPrincipal(by *oidcVerifier, hash [sha256.Size]byte) (principal, bool) {
	g, ok := k.granted.Get(hash)
	if !ok || g.by != by || g.isExpired() {
		return principal{}, false
	}
	return g.principal, true
}
