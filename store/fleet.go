package store

import (
	"cmp"
	"context"
	"strings"
	"time"
)

// Heartbeat is what a gateway tells the others about itself.
type Heartbeat struct {
	// Gateway is a random name that the gateway gets when it starts.
	Gateway string    `json:"gateway"`
	Host    string    `json:"host"` // the name of its machine
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Beat is when the gateway was last heard of. It is exact to a few seconds, but may be
	// that of the last election in the cluster of the store, if that was later.
	Beat time.Time `json:"beat"`
	// InForce is the revision in force, and Confirmed when that was last known to be
	// the store's newest, or zero if it never was. If it was confirmed recently, a
	// store may keep only that, so that Confirmed is exact to 15 seconds.
	InForce   uint64    `json:"inForce"`
	Confirmed time.Time `json:"confirmed,omitzero"`
	// Problems are those of its readiness, in plain English.
	Problems []string `json:"problems,omitempty"`
}

// RecentlyConfirmed reports whether the revision in force was confirmed less than 15
// seconds before the heartbeat.
func (h *Heartbeat) RecentlyConfirmed() bool {
	return !h.Confirmed.IsZero() && h.Beat.Sub(h.Confirmed) < recentlyConfirmed
}

// CompareHeartbeats orders heartbeats by their hosts, then by the gateways' names.
func CompareHeartbeats(a, b Heartbeat) int {
	return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Gateway, b.Gateway))
}

const (
	// BeatInterval is how often a gateway beats.
	BeatInterval = 10 * time.Second
	// HeartbeatLifetime is how long a heartbeat is kept.
	HeartbeatLifetime = time.Minute
	recentlyConfirmed = 15 * time.Second
	// MaxGateways is the maximum number of heartbeats that Gateways returns.
	MaxGateways = 1000
)

// Fleet is a Store that keeps the heartbeats of its gateways. Its writes change
// nothing that any call of Store returns, and Watch does not report them.
type Fleet interface {
	// Beat replaces the gateway's heartbeat. It fails with a *WriteError where a write
	// that adds an origin would.
	Beat(ctx context.Context, h Heartbeat) error

	// Gateways reads the heartbeats of the last HeartbeatLifetime, in the order of
	// their hosts, then names.
	Gateways(ctx context.Context) ([]Heartbeat, error)

	// Leave removes the gateway's heartbeat, if there is one.
	Leave(ctx context.Context, gateway string) error
}

// AsFleet returns s, or the Store that it monitors, if that is a Fleet; otherwise nil.
// A failed heartbeat is no failed write of a Monitored.
func AsFleet(s any) Fleet {
	if m, ok := s.(*Monitored); ok {
		s = m.Store
	}
	fleet, _ := s.(Fleet)
	return fleet
}
