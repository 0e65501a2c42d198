package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"originwarden/api/client"
)

const changeTimeout = 10 * time.Second // until a change is in force

// propagate changes one tenant after the other at the first gateway, and polls the
// other gateways until each change is in force there. A change that is in force before
// its response counts as 0 after the response.
func (f *fleet) propagate(ctx context.Context) error {
	var afterResponse, afterRequest, changes []time.Duration
	for i := range f.changes {
		sent, responded, inForce, err := f.change(ctx, f.tenants[i%(len(f.tenants)-1)+1], fmt.Sprintf("https://c%d.fleet.example", i))
		if err != nil {
			return err
		}
		changes = append(changes, responded.Sub(sent))
		for _, at := range inForce {
			afterResponse = append(afterResponse, max(0, at.Sub(responded)))
			afterRequest = append(afterRequest, at.Sub(sent))
		}
	}
	f.report("in force elsewhere, after the response", "propagation_from_response", afterResponse)
	f.report("in force elsewhere, after the request", "propagation_from_request", afterRequest)
	f.report("change", "change", changes)
	return nil
}

// change makes a change at the first gateway. It returns when the change was sent, when
// its response came, and when it was in force at each of the other gateways.
func (f *fleet) change(ctx context.Context, t tenant, origin string) (sent, responded time.Time, inForce []time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	others := f.gateways[1:]
	inForce = make([]time.Time, len(others))
	errs := make([]error, len(others))
	var polling sync.WaitGroup
	sent = time.Now()
	for i, g := range others {
		polling.Go(func() { inForce[i], errs[i] = g.poll(ctx, t.host, origin) })
	}
	response, err := f.gateways[0].api(t.host).Patch(ctx, t.id, []client.Operation{client.ReplaceValidOrigins(steady, origin)}, "")
	responded = time.Now()
	if err != nil {
		cancel()
	}
	polling.Wait()
	f.noteRevision(response.Revision)
	for _, failed := range errs {
		if err == nil {
			err = failed
		}
	}
	return sent, responded, inForce, err
}

// poll sends preflights until the gateway allows the origin, and returns when it did.
func (g *gateway) poll(ctx context.Context, host, origin string) (time.Time, error) {
	for {
		status, err := g.sendRequest(ctx, http.MethodOptions, host, origin)
		switch now := time.Now(); {
		case err != nil:
			return now, fmt.Errorf("preflight of %s at %s: %w", origin, g.address, err)
		case status == http.StatusNoContent:
			return now, nil
		case status != http.StatusForbidden:
			return now, fmt.Errorf("preflight of %s at %s: status %d", origin, g.address, status)
		}
	}
}
