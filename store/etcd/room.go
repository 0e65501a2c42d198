package etcd

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A cluster that has come to its quota takes no write any more but some
// withdrawals. So writes that need room end before, with some of it left for those
// that take origins away.
const (
	mostInUse = 90 // percent of the quota, of what is kept
	// mostFile is for the file, which does not shrink when less is kept: etcd
	// holds this against the quota, but uses again what is free in it.
	mostFile = 98

	roomInterval = 10 * time.Second // for which an answer about that is good

	// roomLag is more than what etcd tells of its file is behind: it writes to the
	// file ten times a second.
	roomLag = 500 * time.Millisecond
)

// room is what is known of the cluster's quota, to those who have the turn. The
// zero value is ready.
type room struct {
	turns turns // under one name
	is    *etcdserverpb.StatusResponse
	asked time.Time
	left  int64 // bytes, but for what others have written since
	// granted are the bytes of writes since lagged, and before for as long: an
	// answer may lack them.
	granted, before int64
	lagged          time.Time
}

// grant notes that bytes are about to be written.
func (r *room) grant(bytes int64) {
	r.left -= bytes
	r.granted += bytes
}

// forget forgets what every answer has from now on.
func (r *room) forget(now time.Time) {
	switch since := now.Sub(r.lagged); {
	case since >= 2*roomLag:
		r.before, r.granted, r.lagged = 0, 0, now
	case since >= roomLag:
		r.before, r.granted, r.lagged = r.granted, 0, now
	}
}

// writeOverhead is more than a write takes beside its value.
const writeOverhead = 4 << 10

// hasRoom returns a *store.WriteError if the change needs more room than is to be left.
func (s *Store) hasRoom(ctx context.Context, c *change) error {
	if c.onlyRemoves() {
		return nil
	}
	return s.hasRoomFor(ctx, len(c.value))
}

func (s *Store) hasRoomFor(ctx context.Context, bytes int) error {
	r, began := &s.room, time.Now()
	end, err := r.turns.take(ctx, "")
	if err != nil {
		return notMade(fmt.Errorf("etcd: waiting to know the cluster's quota: %w", err))
	}
	defer end()
	r.forget(time.Now())
	need := int64(bytes) + writeOverhead
	if r.left >= need && time.Since(r.asked) < roomInterval {
		r.grant(need)
		return nil
	}
	if r.asked.Before(began) { // else the answer came while this one waited
		is, err := s.status(ctx)
		if err != nil {
			return nil // the write will tell what is wrong
		}
		r.is, r.asked, r.left = is, time.Now(), bytesLeft(is)-r.granted-r.before
	}
	if r.left > 0 {
		r.grant(need)
		return nil
	}
	return notMade(fmt.Errorf("etcd: of its quota of %d bytes, the file has %d and %d are in use; what is left is for writes that only remove origins: %w",
		r.is.DbSizeQuota, r.is.DbSize, r.is.DbSizeInUse, rpctypes.ErrNoSpace))
}

// bytesLeft is how much may still be written, beside what is to be left.
func bytesLeft(is *etcdserverpb.StatusResponse) int64 {
	percent := is.DbSizeQuota / 100
	if percent <= 0 {
		return math.MaxInt64
	}
	if is.DbSize >= mostFile*percent {
		return 0
	}
	return mostInUse*percent - is.DbSizeInUse
}

func (s *Store) status(ctx context.Context) (*etcdserverpb.StatusResponse, error) {
	m := s.hold()
	defer s.release(m)
	of := race[*etcdserverpb.StatusResponse]{members: m}
	of.ask = func(ctx context.Context, client *clientv3.Client) (*etcdserverpb.StatusResponse, error) {
		return etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Status(ctx, &etcdserverpb.StatusRequest{})
	}
	return of.run(ctx)
}

// onlyRemoves reports whether the change lists no origin that was not, and
// takes less room than what was.
func (c *change) onlyRemoves() bool {
	if c.is == nil || c.was == nil {
		return c.is == nil
	}
	listed := make(map[string]bool, len(c.was.ValidOrigins))
	for _, origin := range c.was.ValidOrigins {
		listed[origin] = true
	}
	for _, origin := range c.is.ValidOrigins {
		if !listed[origin] {
			return false
		}
	}
	return len(c.is.ValidOrigins) < len(c.was.ValidOrigins) && len(c.is.Name) <= len(c.was.Name)
}
