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

// keys are the issuer's public keys as they were at a time. They are not
// changed any more.
type keys struct {
	public []jose.JSONWebKey
	at     time.Time
	digest [sha256.Size]byte // of the document they came in
	// granted are tokens that these keys have signed, by their hashes.
	granted *lru.Cache[[sha256.Size]byte, grant]
}

// maxGranted bounds the memory of the tokens that were looked at to a few
// megabytes.
const maxGranted = 4096

// parseKeys reads a JWK Set (RFC 7517, section 5). Keys that it does not
// understand, or that sign nothing, are left out, as that section wants.
func parseKeys(document []byte, at time.Time) (*keys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("reading the keys: it is not a JSON object with one list of keys") // the error may quote it
	}
	if set.Keys == nil {
		return nil, errors.New("reading the keys: there are none")
	}
	granted, _ := lru.New[[sha256.Size]byte, grant](maxGranted) // fails for no size
	k := &keys{at: at, digest: sha256.Sum256(document), granted: granted}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && signs(&key) {
			k.public = append(k.public, key)
		}
	}
	return k, nil
}

// signs reports whether signatures are verified with the key: a public one that
// is long enough (RFC 7518, section 3.3) and not for encryption.
func signs(key *jose.JSONWebKey) bool {
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

// matching returns the keys that a token with the header may be signed with. It
// has to name one where there are several (OpenID Connect Core, section 10.1).
func (k *keys) matching(header tokenHeader) []crypto.PublicKey {
	if header.keyID == "" && len(k.public) != 1 {
		return nil
	}
	var matching []crypto.PublicKey
	for _, key := range k.public {
		named := header.keyID == "" || header.keyID == key.KeyID
		if named && (key.Algorithm == "" || key.Algorithm == string(header.algorithm)) {
			matching = append(matching, key.Key)
		}
	}
	return matching
}

// inherit takes over what older keys have signed, if these are the same.
func (k *keys) inherit(older *keys) {
	if older != nil && older.digest == k.digest {
		k.granted = older.granted
	}
}

// remember keeps what the token of that hash gives its holder.
func (k *keys) remember(hash [sha256.Size]byte, g grant) { k.granted.Add(hash, g) }

// remembered returns who holds the token of that hash, if these keys have
// signed it, it is still good and a has granted it.
func (k *keys) remembered(a *accessTokens, hash [sha256.Size]byte) (principal, bool) {
	g, ok := k.granted.Get(hash)
	if !ok || g.by != a || g.over(time.Now()) {
		return principal{}, false
	}
	return g.principal, true
}
