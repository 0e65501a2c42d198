package api

import (
	"crypto/sha256"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Successor is New for an API that takes a's place while it runs. If the issuer
// of OIDC is the same, it goes on with the keys that a has of it, so that an
// issuer that is down meanwhile shuts nobody out.
func (a *API) Successor(c Config) *API {
	next := New(c)
	if a.accessTokens != nil && next.accessTokens != nil && next.accessTokens.Issuer == a.accessTokens.Issuer {
		next.accessTokens.keys.takeOver(a.accessTokens.keys)
	}
	return next
}

// takeOver begins with the keys of another keyring of the same issuer. Tokens
// are looked at anew: they may have to be for another audience.
func (k *keyring) takeOver(older *keyring) {
	held := older.had()
	if held == nil {
		return
	}
	granted, _ := lru.New[[sha256.Size]byte, grant](maxGranted) // fails for no size
	k.held.Store(&keys{public: held.public, at: held.at, digest: held.digest, granted: granted})
}
