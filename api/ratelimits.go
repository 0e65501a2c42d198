package api

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// RateLimits are how many requests there may be in a minute. Each is a bucket
// that a minute fills: what was not used is there at once, and never more than
// a minute's. What is zero or negative limits nothing. A request that a limit
// refuses does not count.
type RateLimits struct {
	// Tier1 is for reads and Tier2 for writes, of one subject at one tenant.
	// Reaching the one leaves the other as it is.
	Tier1, Tier2 int
	// Failed is for failed authentication from one client address, of IPv6 from
	// one /64. Whoever fails beyond it gets 429. Behind an address that many
	// share, nobody's failures shut out others: good tokens are let in. Access
	// tokens that are new there are verified a few at a time, and get 429 if too
	// many others wait for that.
	Failed int
}

// The limits by name, as Outcome.Limit has them.
const (
	LimitTier1  = "tier1"
	LimitTier2  = "tier2"
	LimitFailed = "failed"
	// LimitInFlight is how many requests of a tenant, or of all, may read or send
	// long lists at once. RateLimits says nothing of it.
	LimitInFlight = "api_in_flight"
)

// limiters are what RateLimits come to, for all tenants.
type limiters struct {
	reads, writes buckets[caller]
	failures      buckets[netip.Prefix]
}

func newLimiters(l RateLimits) *limiters {
	return &limiters{newBuckets[caller](l.Tier1), newBuckets[caller](l.Tier2), newBuckets[netip.Prefix](l.Failed)}
}

// caller is whose requests at a tenant are counted together.
type caller struct{ issuer, subject, tenant string }

// tier counts a request of who, or returns why it is refused.
func (l *limiters) tier(who caller, writes bool) error {
	name, tier := LimitTier1, &l.reads
	if writes {
		name, tier = LimitTier2, &l.writes
	}
	if wait := tier.of(who).take(time.Now()); wait > 0 {
		return limited(name, wait)
	}
	return nil
}

// buckets has one bucket for each key. Those used last are kept: a key that
// comes back after many others begins anew.
type buckets[K comparable] struct {
	perMinute int
	byKey     *lru.Cache[K, *bucket] // nil: there is no limit
}

// maxBuckets bounds the memory of one limit to some megabytes.
const maxBuckets = 1 << 14

func newBuckets[K comparable](perMinute int) buckets[K] {
	if perMinute <= 0 {
		return buckets[K]{}
	}
	byKey, _ := lru.New[K, *bucket](maxBuckets) // fails for no size
	return buckets[K]{perMinute, byKey}
}

// of returns the key's bucket, which is nil where there is no limit.
func (b *buckets[K]) of(key K) *bucket {
	if b.byKey == nil {
		return nil
	}
	if found, ok := b.byKey.Get(key); ok {
		return found
	}
	full := &bucket{limiter: rate.NewLimiter(rate.Limit(float64(b.perMinute)/60), b.perMinute)}
	if other, ok, _ := b.byKey.PeekOrAdd(key, full); ok {
		return other
	}
	return full
}

// bucket is what is left of a limit. The nil bucket never runs out.
type bucket struct {
	limiter *rate.Limiter
	mu      sync.Mutex
	pending int // attempts whose end is not known
}

// take takes one, or returns how long there will be none and takes nothing.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	if b == nil || b.limiter.AllowN(now, 1) {
		return 0
	}
	return b.until(now, 1)
}

// until is the time until there are n, and never nothing.
func (b *bucket) until(now time.Time, n float64) time.Duration {
	seconds := (n - b.limiter.TokensAt(now)) / float64(b.limiter.Limit())
	return max(1, time.Duration(seconds*float64(time.Second)))
}

// begin lets an attempt begin that takes one only if it fails, or returns how
// long none may begin. As many may be under way as could all fail.
func (b *bucket) begin(now time.Time) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	const almost = 1e-6 // fractions are not exact, and who waited as long as told to is let in
	if needed := float64(b.pending + 1); b.limiter.TokensAt(now)+almost < needed {
		return b.until(now, needed)
	}
	b.pending++
	return 0
}

// end ends an attempt that could begin.
func (b *bucket) end(now time.Time, failed bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending--
	if failed {
		b.limiter.AllowN(now, 1)
	}
}

// clientOf returns what failed authentication is counted by: the address, or
// the /64 of an IPv6 one, of which a client has many. What is no address is
// counted together.
func clientOf(remoteAddr string) netip.Prefix {
	addr, err := netip.ParseAddr(remoteAddr)
	if err != nil {
		withPort, _ := netip.ParseAddrPort(remoteAddr)
		addr = withPort.Addr()
	}
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	client, _ := addr.Prefix(bits)
	return client
}
