package auth

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

// The limits by name, as RateLimitError.Limit has them.
const (
	LimitTier1  = "tier1"
	LimitTier2  = "tier2"
	LimitFailed = "failed"
)

// limits are RateLimits since a time.
type limits struct {
	RateLimits
	since time.Time
}

// bucketSets are the buckets of all limits.
type bucketSets struct {
	reads, writes bucketSet[callerKey]
	failures      bucketSet[netip.Prefix]
}

func newBucketSets() bucketSets {
	return bucketSets{newBucketSet[callerKey](), newBucketSet[callerKey](), newBucketSet[netip.Prefix]()}
}

// callerKey is whose requests at a tenant are counted together.
type callerKey struct{ issuer, subject, tenant string }

// bucketSet has one bucket for each key. Those used last are kept: a key that
// comes back after many others has a full bucket.
type bucketSet[K comparable] struct{ byKey *lru.Cache[K, *bucket] }

// maxBuckets bounds the memory of one limit to some megabytes.
const maxBuckets = 1 << 14

func newBucketSet[K comparable]() bucketSet[K] {
	byKey, _ := lru.New[K, *bucket](maxBuckets) // fails for no size
	return bucketSet[K]{byKey}
}

// bucket returns the key's bucket for a limit that is in force since a time, or
// nil if perMinute is not a limit.
func (s *bucketSet[K]) bucket(key K, perMinute int, since time.Time) *bucket {
	if perMinute <= 0 {
		return nil
	}
	if found, ok := s.byKey.Get(key); ok {
		found.adjust(perMinute, since)
		return found
	}
	full := &bucket{limiter: rate.NewLimiter(perSecond(perMinute), perMinute), since: since}
	if other, ok, _ := s.byKey.PeekOrAdd(key, full); ok {
		return other
	}
	return full
}

func perSecond(perMinute int) rate.Limit { return rate.Limit(float64(perMinute) / 60) }

// bucket is what is left of a limit. The nil bucket never runs out.
type bucket struct {
	limiter *rate.Limiter
	mu      sync.Mutex
	since   time.Time // when the limit came into force
	pending int       // attempts whose end is not known
}

// adjust changes the limit to one that is in force since a time, unless it has a
// newer one. The bucket keeps its level, but for what is above the new limit.
func (b *bucket) adjust(perMinute int, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !since.After(b.since) {
		return
	}
	b.since = since
	if b.limiter.Burst() != perMinute {
		b.limiter.SetLimitAt(since, perSecond(perMinute))
		b.limiter.SetBurstAt(since, perMinute)
	}
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
	const almost = 1e-6 // fractions are not exact, and a client that waited as it was told to may begin
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

// clientPrefix returns what failed authentication is counted by: the address, or
// the /64 of an IPv6 one, of which a client has many. What is no address is
// counted together.
func clientPrefix(remoteAddr string) netip.Prefix {
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
