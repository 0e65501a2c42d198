//go:build linux

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"originwarden/api/client"
)

// register is a web integration that clients write and read concurrently through all
// gateways. Its value is its only origin.
type register struct {
	fleet *fleet
	id    string
	first string // initial value

	mu     sync.Mutex
	number int
	calls  []call
}

// call is an operation on the register.
type call struct {
	who            int
	sent, received time.Time
	kind           kind
	value          string // read or written
	expected       string // by a swap, which is conditional
	applied        bool   // whether the condition of a swap was true
	outcome        outcome
	revision       uint64
	gateway        string
}

type kind string

const (
	reads  kind = "read"
	writes kind = "write"
	swaps  kind = "swap" // with If-Match
)

func (f *fleet) newRegister(ctx context.Context) *register {
	r := &register{fleet: f}
	r.first = r.next()
	created, err := f.gateways[0].api(registers).Create(ctx, "register", []string{r.first})
	if err != nil {
		f.Fatal(err)
	}
	r.id = created.ID
	return r
}

// next returns a new origin.
func (r *register) next() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return fmt.Sprintf("https://r%s-%d.example", randomHex(), r.number)
}

// randomHex returns 8 random digits, which make origins unique.
func randomHex() string { return fmt.Sprintf("%08x", rand.Uint32()) }

// use makes calls until ctx ends.
func (r *register) use(ctx context.Context, who int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(who)))
	var value, etag string // as last known
	for pause(ctx, time.Duration(10+random.IntN(30))*time.Millisecond) {
		at := random.IntN(fleetSize)
		c := call{who: who, kind: reads}
		switch n := random.IntN(10); {
		case n < 3 && etag != "":
			c.kind, c.expected, c.value = swaps, value, r.next()
		case n < 6:
			c.kind, c.value = writes, r.next()
		}
		newTag := r.call(r.fleet.gateways[at], &c, etag)
		if newTag != "" {
			value, etag = c.value, newTag
		}
		if newTag != "" && c.kind != reads { // the other gateways must know the value at once
			r.call(r.fleet.gateways[(at+1+random.IntN(fleetSize-1))%fleetSize], &call{who: who, kind: reads}, "")
		}
	}
}

// call makes the call, and returns the entity tag of the value if it is known.
func (r *register) call(g *gateway, c *call, etag string) string {
	// Calls in progress are completed when the load ends.
	ctx, api := context.Background(), g.api(registers)
	c.gateway = g.name
	if c.kind != swaps {
		etag = ""
	}
	var response client.Response
	var err error
	c.sent = time.Now()
	if c.kind == reads {
		var w client.WebIntegration
		w, err = api.Get(ctx, r.id)
		if response = w.Response; err == nil && len(w.ValidOrigins) == 1 {
			c.value = w.ValidOrigins[0]
		}
	} else {
		response, err = api.Patch(ctx, r.id, []client.Operation{client.ReplaceValidOrigins(c.value)}, etag)
	}
	c.received = time.Now()
	c.outcome, c.applied, c.revision = outcomeOf(err), true, response.Revision
	if c.kind == swaps && errors.Is(err, client.ErrPreconditionFailed) {
		c.outcome, c.applied = done, false
	}
	if c.outcome == failed || c.received.Sub(c.sent) >= clientTimeout {
		r.fleet.reportf("%s: the %s of the register ended after %v with %v", g.name, c.kind, c.received.Sub(c.sent), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, *c)
	if c.outcome == done && c.applied {
		return response.ETag
	}
	return ""
}

// history returns the calls as operations. A write of unknown outcome may have been made
// at any time after it was sent. The history in the cluster shows whether it was: if so,
// it ended when it was seen there; if not, it is omitted.
func (r *register) history(o *observer) (all []porcupine.Operation) {
	for i, c := range r.calls {
		seen, happened := o.find(c.value)
		switch {
		case c.outcome == unknown && (c.kind == reads || !happened):
			continue
		case c.outcome == unknown:
			c.applied, c.received, c.who = true, seen.seen, fleetSize*1000+i // a client of its own, as c.who makes other calls meanwhile
		case c.outcome != done:
			if c.kind != reads && happened {
				r.fleet.reportf("%s was written at revision %d, but never sent", c.value, seen.revision)
			}
			continue
		case c.kind != reads && (c.applied != happened || c.applied && seen.revision != c.revision):
			r.fleet.reportf("%s of %s through %s: response with revision %d (applied: %t), but made at %d", c.kind, c.value, c.gateway, c.revision, c.applied, seen.revision)
		}
		all = append(all, porcupine.Operation{
			ClientId: c.who, Input: c, Output: c,
			Call: int64(c.sent.Sub(r.fleet.start)), Return: int64(c.received.Sub(r.fleet.start)),
		})
	}
	return all
}

// model returns the model of a register with reads, writes, and conditional writes.
func model(first string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, _ any) (bool, any) {
			switch c := input.(call); c.kind {
			case reads:
				return state == c.value, state
			case writes:
				return true, c.value
			default:
				if c.applied {
					return state == c.expected, c.value
				}
				return state != c.expected, state
			}
		},
		DescribeOperation: func(input, _ any) string {
			c := input.(call)
			return fmt.Sprintf("%s %s %s (expected %s, applied: %t) at %s, revision %d", c.gateway, c.kind, c.value, c.expected, c.applied, c.gateway, c.revision)
		},
		DescribeState: func(state any) string { return state.(string) },
	}
}

const checkTimeout = 2 * time.Minute

// check checks that the calls are linearizable.
func (r *register) check(o *observer) {
	history, count, slowest := r.history(o), map[outcome]int{}, time.Duration(0)
	for _, c := range r.calls {
		count[c.outcome]++
		slowest = max(slowest, c.received.Sub(c.sent))
	}
	start := time.Now()
	m := model(r.first)
	result, info := porcupine.CheckOperationsVerbose(m, history, checkTimeout)
	r.fleet.logf("register: %d calls done, %d of unknown outcome, %d not sent, the slowest took %v; %d operations: %s, checked in %v",
		count[done], count[unknown], count[unsent], slowest.Round(time.Millisecond), len(history), result, time.Since(start).Round(time.Millisecond))
	if result == porcupine.Ok {
		return
	}
	picture := r.fleet.path("register.html")
	err := porcupine.VisualizePath(m, info, picture)
	r.fleet.reportf("the history of the register is %s; see %s (%v)", result, picture, err)
	_ = os.WriteFile(r.fleet.path("register.txt"), fmt.Appendf(nil, "%+v\n", history), 0o600)
}
