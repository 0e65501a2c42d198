// Package quota keeps some of an etcd cluster's space for writes that take origins away.
package quota

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"originwarden/store/etcd/keyedmutex"
)

// Share is how much of the quota data may use, in percent.
type Share int64

// A cluster that reaches its quota refuses all writes but some removals. So writes
// that need space stop earlier, and leave some of it to those that take origins
// away. Writes of refusals stop even earlier: the lists have the rest for themselves.
const (
	Lists    Share = 90
	Refusals Share = 60
)

const (
	// maxPercentFile is for the file, which does not shrink with its data. etcd
	// counts its size towards the quota, but uses free space in it again.
	maxPercentFile = 98

	statusLifetime = 10 * time.Second

	// statusDelay is more than the delay of the sizes in a status: etcd writes to
	// its file ten times a second.
	statusDelay = 500 * time.Millisecond

	// writeOverhead is more than a write needs besides its value.
	writeOverhead = 4 << 10
)

// Cluster is the part of a connection that a Quota needs.
type Cluster interface {
	Status(ctx context.Context) (*etcdserverpb.StatusResponse, error)
}

// Quota is what is known of a cluster's space. It may be used concurrently. The zero
// value is ready.
type Quota struct {
	lock   keyedmutex.Mutex // of one key
	status *etcdserverpb.StatusResponse
	asked  time.Time // when status arrived
	left   int64     // bytes, not counting what others have written since
	// granted are bytes granted since rotated, and grantedBefore those of the
	// period before: a status may lack them.
	granted, grantedBefore int64
	rotated                time.Time
}

// expireGrants drops grants that every status includes from now on.
func (q *Quota) expireGrants(now time.Time) {
	switch age := now.Sub(q.rotated); {
	case age >= 2*statusDelay:
		q.grantedBefore, q.granted, q.rotated = 0, 0, now
	case age >= statusDelay:
		q.grantedBefore, q.granted, q.rotated = q.granted, 0, now
	}
}

// Reserve returns an error if a write of so many bytes would use space that is left to
// other writes: those that remove origins, or with Refusals also those of the lists. It
// wraps rpctypes.ErrNoSpace unless ctx has ended.
func (q *Quota) Reserve(ctx context.Context, cluster Cluster, bytes int, share Share) error {
	began := time.Now()
	unlock, err := q.lock.Lock(ctx, "")
	if err != nil {
		return fmt.Errorf("etcd: waiting for the cluster's quota: %w", err)
	}
	defer unlock()
	q.expireGrants(time.Now())
	need := int64(bytes) + writeOverhead
	outdated := q.left < need || time.Since(q.asked) >= statusLifetime
	if outdated && q.asked.Before(began) { // otherwise the status arrived while this call waited
		status, err := cluster.Status(ctx)
		if err != nil {
			return nil // the write will fail with the reason
		}
		q.status, q.asked, q.left = status, time.Now(), bytesLeft(status)-q.granted-q.grantedBefore
	}
	if q.left-int64(Lists-share)*(q.status.DbSizeQuota/100) <= 0 {
		reserved := "writes that only remove origins"
		if share < Lists {
			reserved = "the lists"
		}
		return fmt.Errorf("etcd: of its quota of %d bytes, the file has %d and %d are in use; the rest is reserved for %s: %w",
			q.status.DbSizeQuota, q.status.DbSize, q.status.DbSizeInUse, reserved, rpctypes.ErrNoSpace)
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
	return int64(Lists)*percent - status.DbSizeInUse
}
