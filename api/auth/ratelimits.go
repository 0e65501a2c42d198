package auth

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// RateLimits are requests per minute. Each limit is a token bucket that holds the
// requests of one minute, and refills within a minute. Zero and negative values limit
// nothing. Refused requests do not count.
type RateLimits struct {
	// Tier1 is for reads and Tier2 for writes, of one subject at one tenant.
	// Each is counted apart.
	Tier1, Tier2 int
	// Failed is for failed authentication from one client address, or one /64 of
	// IPv6. Above it, failures are answered with 429, and valid tokens are still
	// accepted, since many clients may share an address. New access tokens are
	// then verified a few at a time, and get 429 if they wait too long for that.
	Failed int
}

// The values of RateLimitError.Limit.
const (
	LimitTier1  = "tier1"
	LimitTier2  = "tier2"
	LimitFailed = "failed"
)

// limits are RateLimits, and when they came into force.
type limits struct {
	RateLimits
	since time.Time
}

// bucketSets are the buckets of all limits.
type bucketSets struct {
	reads, writes bucketSet[CallerKey]
	failures      bucketSet[netip.Prefix]
}

func newBucketSets() bucketSets {
	return bucketSets{newBucketSet[CallerKey](), newBucketSet[CallerKey](), newBucketSet[netip.Prefix]()}
}

// bucketSet has one bucket for each key. It keeps those used last: a key that
// comes back after many others has a full bucket.
type bucketSet[K comparable] struct{ byKey *lru.Cache[K, *bucket] }

// maxBuckets bounds the memory of one limit to a few megabytes.
const maxBuckets = 1 << 14

func newBucketSet[K comparable]() bucketSet[K] {
	byKey, _ := lru.New[K, *bucket](maxBuckets) // the only error is that of no size
	return bucketSet[K]{byKey}
}

// bucket returns the key's bucket for a limit that is in force since a time, or
// nil if perMinute is not a limit.
func (s *bucketSet[K]) bucket(key K, perMinute int, since time.Time) *bucket {
	if perMinute <= 0 {
		return nil
	}
	if found, ok := s.byKey.Get(key); ok {
		found.setLimit(perMinute, since)
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
	pending int       // attempts that have not ended
}

// setLimit changes the limit to one that is in force since a time, unless the
// bucket has a newer one. The level is kept, up to the new limit.
func (b *bucket) setLimit(perMinute int, since time.Time) {
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

// takeOne takes one request from the bucket, or returns how long to wait for one.
func (b *bucket) takeOne(now time.Time) (wait time.Duration) {
	if b == nil || b.limiter.AllowN(now, 1) {
		return 0
	}
	return b.timeUntil(now, 1)
}

// timeUntil returns the time until n are left, and never 0.
func (b *bucket) timeUntil(now time.Time, n float64) time.Duration {
	seconds := (n - b.limiter.TokensAt(now)) / float64(b.limiter.Limit())
	return max(1, time.Duration(seconds*float64(time.Second)))
}

// beginAttempt begins an attempt, which endAttempt charges only if it fails, or returns
// how long to wait. It never lets more attempts run than the bucket could pay for.
func (b *bucket) beginAttempt(now time.Time) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	const almost = 1e-6 // floats are inexact, and a client that has waited long enough may begin
	if needed := float64(b.pending + 1); b.limiter.TokensAt(now)+almost < needed {
		return b.timeUntil(now, needed)
	}
	b.pending++
	return 0
}

// endAttempt ends an attempt that beginAttempt began.
func (b *bucket) endAttempt(now time.Time, failed bool) {
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
