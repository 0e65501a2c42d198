package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"originwarden/api/client"
)

const changePatience = 10 * time.Second // until a change is in force

// propagate changes one tenant after another at the first gateway, and asks the
// others all the time whether they have heard of it. A change that is in force
// before its response counts as 0 after the response.
func (f *fleet) propagate(ctx context.Context) error {
	var afterAnswer, afterRequest, answers []time.Duration
	for i := range f.changes {
		sent, answered, inForce, err := f.change(ctx, f.tenants[i%(len(f.tenants)-1)+1], fmt.Sprintf("https://c%d.fleet.example", i))
		if err != nil {
			return err
		}
		answers = append(answers, answered.Sub(sent))
		for _, at := range inForce {
			afterAnswer = append(afterAnswer, max(0, at.Sub(answered)))
			afterRequest = append(afterRequest, at.Sub(sent))
		}
	}
	f.tell("in force elsewhere, after the response", "propagation_from_answer", afterAnswer)
	f.tell("in force elsewhere, after the request", "propagation_from_request", afterRequest)
	f.tell("the change itself", "change", answers)
	return nil
}

// change returns when one was sent, when it was answered, and when it was found
// to be in force at each of the others.
func (f *fleet) change(ctx context.Context, t tenant, origin string) (sent, answered time.Time, inForce []time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, changePatience)
	defer cancel()
	others := f.gateways[1:]
	inForce = make([]time.Time, len(others))
	errs := make([]error, len(others))
	var polling sync.WaitGroup
	sent = time.Now()
	for i, g := range others {
		polling.Go(func() { inForce[i], errs[i] = g.poll(ctx, t.host, origin) })
	}
	answer, err := f.gateways[0].api(t.host).Patch(ctx, t.id, []client.Operation{client.ReplaceValidOrigins(steady, origin)}, "")
	answered = time.Now()
	if err != nil {
		cancel()
	}
	polling.Wait()
	f.answered(answer.Revision)
	for _, failed := range errs {
		if err == nil {
			err = failed
		}
	}
	return sent, answered, inForce, err
}

// poll returns when the gateway has first allowed an origin.
func (g *gateway) poll(ctx context.Context, host, origin string) (time.Time, error) {
	for {
		status, err := g.ask(ctx, http.MethodOptions, host, origin)
		switch now := time.Now(); {
		case err != nil:
			return now, fmt.Errorf("%s on %s: %w", g.address, origin, err)
		case status == http.StatusNoContent:
			return now, nil
		case status != http.StatusForbidden:
			return now, fmt.Errorf("%s on %s: status %d", g.address, origin, status)
		}
	}
}
