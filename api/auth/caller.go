package auth

import (
	"crypto/sha256"
	"time"
)

// Role is what a token permits.
type Role uint8

const (
	// Reader may list and read. It is the zero value.
	Reader Role = iota
	// Admin may write too.
	Admin
)

// Token is a static bearer token, known by its hash alone. Of several with the
// same hash the first counts.
type Token struct {
	// Subject names the one to whom the token was given. It becomes the createdBy of web
	// integrations.
	Subject string
	// Tenant is the id of the tenant that the token is for, or "*" for all.
	Tenant string
	Role   Role
	// SHA256 is the hash of the token's text. The text needs enough entropy that
	// it cannot be guessed from the hash.
	SHA256 [sha256.Size]byte
}

// principal says to whom a token was given, and what it permits.
type principal struct {
	issuer     string // of an access token; "" for a static one
	subject    string
	tenant     string
	allTenants bool
	role       Role
}

// Caller is the authenticated sender of a request. It keeps the settings that
// it was authenticated by.
type Caller struct {
	principal
	buckets *bucketSets
	limits  limits
}

// Issuer returns the issuer of the access token, or "" for a static token.
func (c Caller) Issuer() string { return c.issuer }

// Subject returns the name of the one to whom the token was given.
func (c Caller) Subject() string { return c.subject }

// CallerKey identifies a caller at a tenant. It is comparable.
type CallerKey struct{ Issuer, Subject, Tenant string }

// Key returns the caller's key at the tenant.
func (c Caller) Key(tenant string) CallerKey { return CallerKey{c.issuer, c.subject, tenant} }

// CheckTenant returns a ForbiddenError unless the token is for the tenant.
func (c Caller) CheckTenant(tenant string) error {
	switch {
	case c.allTenants || c.tenant == tenant:
		return nil
	case tenant == "*":
		return &ForbiddenError{"The token is not for all tenants."}
	}
	return &ForbiddenError{"The token is not for this tenant."}
}

// CheckAdmin returns a ForbiddenError unless the caller may write.
func (c Caller) CheckAdmin() error {
	if c.role != Admin {
		return &ForbiddenError{"The token is read-only: this needs the role admin."}
	}
	return nil
}

// CheckOperator returns a ForbiddenError unless the caller may write and the
// token is for all tenants.
func (c Caller) CheckOperator() error {
	if !c.allTenants || c.role != Admin {
		return &ForbiddenError{"The token is not an admin token for all tenants."}
	}
	return nil
}

// CountRead counts a request of Tier1 at the tenant, or returns a RateLimitError.
func (c Caller) CountRead(tenant string) error {
	return c.countRequest(&c.buckets.reads, LimitTier1, c.limits.Tier1, tenant)
}

// CountWrite counts a request of Tier2 at the tenant, or returns a
// RateLimitError.
func (c Caller) CountWrite(tenant string) error {
	return c.countRequest(&c.buckets.writes, LimitTier2, c.limits.Tier2, tenant)
}

func (c Caller) countRequest(tier *bucketSet[CallerKey], name string, perMinute int, tenant string) error {
	b := tier.bucket(c.Key(tenant), perMinute, c.limits.since)
	if wait := b.takeOne(time.Now()); wait > 0 {
		return &RateLimitError{name, wait}
	}
	return nil
}
