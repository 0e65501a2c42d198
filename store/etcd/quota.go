package etcd

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// A cluster that reaches its quota refuses all writes but some removals. So writes
// that need space stop earlier, and leave some of it to those that take origins
// away.
const (
	maxPercentInUse = 90 // of the quota, for the data
	// maxPercentFile is for the file, which does not shrink with its data. etcd
	// counts its size towards the quota, but uses free space in it again.
	maxPercentFile = 98
	// maxPercentRefusals is of the quota, like maxPercentInUse, for writes of refusals:
	// the lists have the rest for themselves.
	maxPercentRefusals = 60

	statusLifetime = 10 * time.Second

	// statusDelay is more than the delay of the sizes in a status: etcd writes to
	// its file ten times a second.
	statusDelay = 500 * time.Millisecond

	// writeOverhead is more than a write needs besides its value.
	writeOverhead = 4 << 10
)

// quota is what is known of the cluster's space. The zero value is ready.
type quota struct {
	status *etcdserverpb.StatusResponse
	asked  time.Time // when status arrived
	left   int64     // bytes, not counting what others have written since
	// granted are bytes granted since rotated, and grantedBefore those of the
	// period before: a status may lack them.
	granted, grantedBefore int64
	rotated                time.Time
}

// expireGrants drops grants that every status includes from now on.
func (q *quota) expireGrants(now time.Time) {
	switch age := now.Sub(q.rotated); {
	case age >= 2*statusDelay:
		q.grantedBefore, q.granted, q.rotated = 0, 0, now
	case age >= statusDelay:
		q.grantedBefore, q.granted, q.rotated = q.granted, 0, now
	}
}

// reserveSpace returns a *store.WriteError if a write of so many bytes would use
// space that is left to removals.
func (s *Store) reserveSpace(ctx context.Context, bytes int) error {
	return s.reserveSpaceWithin(ctx, bytes, maxPercentInUse)
}

// reserveSpaceWithin is reserveSpace for writes that may use less of the quota.
func (s *Store) reserveSpaceWithin(ctx context.Context, bytes int, percentInUse int64) error {
	q, began := &s.quota, time.Now()
	unlock, err := s.locks.lock(ctx, s.keys.Head())
	if err != nil {
		return notMade(fmt.Errorf("etcd: waiting for the cluster's quota: %w", err))
	}
	defer unlock()
	q.expireGrants(time.Now())
	need := int64(bytes) + writeOverhead
	outdated := q.left < need || time.Since(q.asked) >= statusLifetime
	if outdated && q.asked.Before(began) { // otherwise the status arrived while this call waited
		status, err := s.cluster.Status(ctx)
		if err != nil {
			return nil // the write will fail with the reason
		}
		q.status, q.asked, q.left = status, time.Now(), bytesLeft(status)-q.granted-q.grantedBefore
	}
	if q.left-(maxPercentInUse-percentInUse)*(q.status.DbSizeQuota/100) <= 0 {
		reserved := "writes that only remove origins"
		if percentInUse < maxPercentInUse {
			reserved = "the lists"
		}
		return notMade(fmt.Errorf("etcd: of its quota of %d bytes, the file has %d and %d are in use; the rest is reserved for %s: %w",
			q.status.DbSizeQuota, q.status.DbSize, q.status.DbSizeInUse, reserved, rpctypes.ErrNoSpace))
	}
	q.left -= need
	q.granted += need
	return nil
}

// bytesLeft returns how many bytes may be written.
func bytesLeft(status *etcdserverpb.StatusResponse) int64 {
	percent := status.DbSizeQuota / 100
	if percent <= 0 {
		return math.MaxInt64
	}
	if status.DbSize >= maxPercentFile*percent {
		return 0
	}
	return maxPercentInUse*percent - status.DbSizeInUse
}
