// Package heartbeat tells the other gateways, by way of the store, how this one is.
package heartbeat

import (
	"context"
	"crypto/rand"
	"os"
	"time"

	"originwarden/cmd/originwarden/logs"
	"originwarden/cmd/originwarden/server/readiness"
	"originwarden/store"
)

// Beater writes the heartbeats of this gateway. All fields are required.
type Beater struct {
	Fleet   store.Fleet
	State   *readiness.State
	Version string
	// Timeout bounds each call of the Fleet.
	Timeout time.Duration
}

// leaveTimeout is short, because the process waits for it before it exits. A heartbeat
// that was not removed expires.
const leaveTimeout = time.Second

// Run beats until ctx ends, and then removes the heartbeat. It reports no errors: those
// of the store show elsewhere.
func (b *Beater) Run(ctx context.Context) {
	first := store.Heartbeat{Gateway: rand.Text(), Version: b.Version, Started: time.Now().UTC()}
	if host, err := os.Hostname(); err == nil {
		first.Host = logs.Escape(host, logs.MaxName)
	}
	tick := time.NewTicker(store.BeatInterval)
	defer tick.Stop()
	beaten := false
	for {
		beaten = b.beat(ctx, first) || beaten // a later failure leaves the heartbeat there
		select {
		case <-tick.C:
		case <-ctx.Done():
			if beaten {
				b.leave(context.WithoutCancel(ctx), first.Gateway)
			}
			return
		}
	}
}

func (b *Beater) beat(ctx context.Context, h store.Heartbeat) (beaten bool) {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	held := b.State.Lists()
	h.Beat, h.InForce, h.Confirmed, h.Problems = time.Now().UTC(), held.InForce.Revision, held.Confirmed.UTC(), b.State.Problems()
	return b.Fleet.Beat(ctx, h) == nil
}

func (b *Beater) leave(ctx context.Context, gateway string) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	_ = b.Fleet.Leave(ctx, gateway)
}
