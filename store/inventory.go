package store

import (
	"context"
	"time"

	"originwarden/origins"
)

// MaxRefusals is the maximum number of a tenant's refusals in an Inventory.
const MaxRefusals = 1000

// Refusal is an origin that was refused for one reason, or would have been if the
// tenant's mode were enforce.
type Refusal struct {
	// Origin is in valid UTF-8, and not longer than origins.MaxLength.
	Origin string
	Reason origins.Reason
	// Count is the number of requests since First. It is an estimate: some may have
	// been forgotten, or counted twice after a failure of the store.
	Count       uint64
	First, Last time.Time // UTC, whole seconds
	// Method and Path are those of the last request, in valid UTF-8 and truncated.
	Method, Path string
	// Agent is the family of the last request's user agent, one of a fixed set.
	Agent string
	// OwnHost says whether the last request was sent to the origin's own host.
	OwnHost bool
	// Dismissed is when an administrator said that the refusal is right. It is zero
	// for all others. UTC, whole seconds.
	Dismissed time.Time
}

// TenantRefusals are refusals of one tenant.
type TenantRefusals struct {
	Tenant   string
	Refusals []Refusal
}

// Inventory keeps refusals, merged over all gateways. It changes no revision and is
// not part of the feed. When the store runs out of space, it fails before other writes
// do.
type Inventory interface {
	// AddRefusals adds refusals to those of several tenants, as MergeRefusals does;
	// no tenant is named twice. It returns for how many, from the first, that was done.
	// It may be fewer without an error, if the store wants to be written to less.
	AddRefusals(ctx context.Context, more []TenantRefusals) (added int, err error)

	// Refusals reads the tenant's refusals, the latest first.
	Refusals(ctx context.Context, tenant string) ([]Refusal, error)

	// Dismiss marks all refusals of an origin as dismissed at that time, or as not
	// dismissed if the time is zero. The error is ErrNotFound if there is none.
	Dismiss(ctx context.Context, tenant, origin string, at time.Time) error
}
