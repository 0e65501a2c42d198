package console

import (
	"net/http"
	"strconv"
	"time"

	"originwarden/store"
)

// fleetPage is the data of the page of all gateways of the store.
type fleetPage struct {
	Gateways []gatewayRow
	// Newest is the newest revision that one of them has in force.
	Newest uint64
}

type gatewayRow struct {
	store.Heartbeat
	Behind    uint64 // revisions
	Confirmed string // how long ago, or "never"
	Silent    string // how long it has not been heard of, or ""
	Up        string // how long it has been running
}

// silentAfter is when a gateway has missed a heartbeat.
const silentAfter = 2 * store.BeatInterval

// fleet returns the store of heartbeats, or nil.
func (r *request) fleet() store.Fleet { return store.AsFleet(r.Store) }

// hasFleet reports whether there is a page of all gateways that the caller may see.
func (r *request) hasFleet() bool { return r.caller.Tenant() == "*" && r.fleet() != nil }

func (r *request) showFleet() error {
	if !r.hasFleet() {
		return errNotFound
	}
	beats, err := r.fleet().Gateways(r.Context())
	if err != nil {
		return err
	}
	data, now := fleetPage{}, time.Now()
	for _, beat := range beats {
		data.Newest = max(data.Newest, beat.InForce)
	}
	for _, beat := range beats {
		data.Gateways = append(data.Gateways, newGatewayRow(beat, data.Newest, now))
	}
	return r.show(http.StatusOK, "fleet.html", page{Title: "Fleet", Section: "/fleet", Data: data})
}

func newGatewayRow(beat store.Heartbeat, newest uint64, now time.Time) gatewayRow {
	row := gatewayRow{Heartbeat: beat, Behind: newest - beat.InForce, Confirmed: "never", Up: duration(now.Sub(beat.Started))}
	if !beat.Confirmed.IsZero() {
		row.Confirmed = duration(now.Sub(beat.Confirmed)) + " ago"
	}
	if silent := now.Sub(beat.Beat); silent > silentAfter {
		row.Silent = duration(silent)
	}
	return row
}

// duration writes a duration with one unit, rounded down.
func duration(d time.Duration) string {
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
