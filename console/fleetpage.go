package console

import (
	"net/http"
	"time"

	"originwarden/console/fleet"
	"originwarden/store"
)

// fleetPage is the data of the page of all gateways of the store.
type fleetPage struct{ Gateways []fleet.Gateway }

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
	return r.show(http.StatusOK, "fleet.html", page{Title: "Fleet", Section: "/fleet", Data: fleetPage{fleet.Of(beats, time.Now())}})
}
