// Package fleet says how the gateways of a store are, by their heartbeats.
package fleet

import (
	"strconv"
	"time"

	"originwarden/store"
)

// Gateway is one that uses the store.
type Gateway struct {
	store.Heartbeat
	Behind    uint64 // revisions
	Confirmed string // how long ago, or "never"
	Silent    string // how long it has not been heard of, or ""
	Up        string // how long it has been running
}

// silentAfter is when a gateway has missed a heartbeat.
const silentAfter = 2 * store.BeatInterval

// Of returns the gateways at a time. They are behind the newest revision that one of
// them has in force.
func Of(beats []store.Heartbeat, now time.Time) (all []Gateway) {
	var newest uint64
	for _, beat := range beats {
		newest = max(newest, beat.InForce)
	}
	for _, beat := range beats {
		all = append(all, newGateway(beat, newest, now))
	}
	return all
}

func newGateway(beat store.Heartbeat, newest uint64, now time.Time) Gateway {
	g := Gateway{Heartbeat: beat, Behind: newest - beat.InForce, Confirmed: "never", Up: Duration(now.Sub(beat.Started))}
	if !beat.Confirmed.IsZero() {
		g.Confirmed = Duration(now.Sub(beat.Confirmed)) + " ago"
	}
	if silent := now.Sub(beat.Beat); silent > silentAfter {
		g.Silent = Duration(silent)
	}
	return g
}

// Duration writes a duration with one unit, rounded down.
func Duration(d time.Duration) string {
	for _, unit := range []struct {
		length    time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if n := int(d / unit.length); n > 0 {
			return count(n, unit.one, unit.many)
		}
	}
	return count(max(0, int(d/time.Second)), "second", "seconds")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
