package store

import (
	"context"
	"time"
)

// Heartbeat is what a gateway tells the others about itself.
type Heartbeat struct {
	// Gateway is a random name that the gateway gets when it starts.
	Gateway string    `json:"gateway"`
	Host    string    `json:"host"` // the name of its machine
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Beat is when it was written, by the clock of the gateway.
	Beat time.Time `json:"beat"`
	// InForce is the revision in force, and Confirmed when that was last known to be
	// the store's newest.
	InForce   uint64    `json:"inForce"`
	Confirmed time.Time `json:"confirmed"`
	// Problems are those of its readiness, in plain English.
	Problems []string `json:"problems,omitempty"`
}

// HeartbeatLifetime is how long a heartbeat is kept.
const HeartbeatLifetime = time.Minute

// Fleet is a Store that keeps the heartbeats of its gateways.
type Fleet interface {
	// Beat replaces the gateway's heartbeat. It does not change the revision.
	Beat(ctx context.Context, h Heartbeat) error

	// Gateways reads the heartbeats of the last HeartbeatLifetime, in the order of
	// their hosts, then names.
	Gateways(ctx context.Context) ([]Heartbeat, error)
}
