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

// register is one web integration that many write to and read, through all
// gateways. Its value is the one origin that it lists.
type register struct {
	fleet *fleet
	id    string
	first string // its value at first

	mu     sync.Mutex
	number int
	calls  []call
}

// call is an operation on the register.
type call struct {
	who             int
	asked, answered time.Time
	kind            kind
	value           string // read, or to be written
	expected        string // by a swap
	held            bool   // what the swap expected
	outcome         outcome
	revision        uint64
	gateway         string
}

type kind string

const (
	reads  kind = "read"
	writes kind = "write"
	swaps  kind = "swap" // by If-Match
)

func (f *fleet) newRegister(ctx context.Context) *register {
	r := &register{fleet: f}
	r.first = r.next()
	made, err := f.gateways[0].api(registers).Create(ctx, "register", []string{r.first})
	if err != nil {
		f.Fatal(err)
	}
	r.id = made.ID
	return r
}

// next is an origin that was never written.
func (r *register) next() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return fmt.Sprintf("https://r%s-%d.example", token8(), r.number)
}

// token8 tells origins of this run from all others.
func token8() string { return fmt.Sprintf("%08x", rand.Uint32()) }

// use calls the register until ctx ends.
func (r *register) use(ctx context.Context, who int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(who)))
	var value, etag string // as it was last known
	for pause(ctx, time.Duration(10+random.IntN(30))*time.Millisecond) {
		at := random.IntN(size)
		c := call{who: who, kind: reads}
		switch n := random.IntN(10); {
		case n < 3 && etag != "":
			c.kind, c.expected, c.value = swaps, value, r.next()
		case n < 6:
			c.kind, c.value = writes, r.next()
		}
		is := r.call(r.fleet.gateways[at], &c, etag)
		if is != "" {
			value, etag = c.value, is
		}
		if is != "" && c.kind != reads { // which the others have to know at once
			r.call(r.fleet.gateways[(at+1+random.IntN(size-1))%size], &call{who: who, kind: reads}, "")
		}
	}
}

// call makes one, and returns the entity tag of its value if that is known.
func (r *register) call(g *gateway, c *call, etag string) string {
	// The calls that run when the load ends come to their end.
	ctx, api := context.Background(), g.api(registers)
	c.gateway = g.name
	if c.kind != swaps {
		etag = ""
	}
	var answer client.Response
	var err error
	c.asked = time.Now()
	if c.kind == reads {
		var is client.WebIntegration
		is, err = api.Get(ctx, r.id)
		if answer = is.Response; err == nil && len(is.ValidOrigins) == 1 {
			c.value = is.ValidOrigins[0]
		}
	} else {
		answer, err = api.Patch(ctx, r.id, []client.Operation{client.ReplaceValidOrigins(c.value)}, etag)
	}
	c.answered = time.Now()
	c.outcome, c.held, c.revision = outcomeOf(err), true, answer.Revision
	if c.kind == swaps && errors.Is(err, client.ErrPreconditionFailed) {
		c.outcome, c.held = done, false
	}
	if c.outcome == failed || c.answered.Sub(c.asked) >= clientPatience {
		r.fleet.isWrong("%s: the %s of the register ended after %v with %v", g.name, c.kind, c.answered.Sub(c.asked), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, *c)
	if c.outcome == done && c.held {
		return answer.ETag
	}
	return ""
}

// history is what was seen from outside. A write of unknown outcome may come to
// pass at any time later. Whether it did, the cluster's own history tells: if so
// it did before it was seen there, and if not it is none.
func (r *register) history(o *observer) (all []porcupine.Operation) {
	for i, c := range r.calls {
		seen, happened := o.find(c.value)
		switch {
		case c.outcome == unknown && (c.kind == reads || !happened):
			continue
		case c.outcome == unknown:
			c.held, c.answered, c.who = true, seen.seen, size*1000+i // who goes on meanwhile
		case c.outcome != done:
			if c.kind != reads && happened {
				r.fleet.isWrong("%s was written at revision %d, though it was never sent", c.value, seen.revision)
			}
			continue
		case c.kind != reads && (c.held != happened || c.held && seen.revision != c.revision):
			r.fleet.isWrong("%s of %s by %s was answered with revision %d (held: %t), and is at %d", c.kind, c.value, c.gateway, c.revision, c.held, seen.revision)
		}
		all = append(all, porcupine.Operation{
			ClientId: c.who, Input: c, Output: c,
			Call: int64(c.asked.Sub(r.fleet.began)), Return: int64(c.answered.Sub(r.fleet.began)),
		})
	}
	return all
}

// model is a register that is read, written, and written if it is as expected.
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
				if c.held {
					return state == c.expected, c.value
				}
				return state != c.expected, state
			}
		},
		DescribeOperation: func(input, _ any) string {
			c := input.(call)
			return fmt.Sprintf("%s %s %s (of %s, held: %t) at %s, revision %d", c.gateway, c.kind, c.value, c.expected, c.held, c.gateway, c.revision)
		},
		DescribeState: func(state any) string { return state.(string) },
	}
}

const checkPatience = 2 * time.Minute

// check holds all calls to the model.
func (r *register) check(o *observer) {
	history, count, slowest := r.history(o), map[outcome]int{}, time.Duration(0)
	for _, c := range r.calls {
		count[c.outcome]++
		slowest = max(slowest, c.answered.Sub(c.asked))
	}
	began := time.Now()
	m := model(r.first)
	result, info := porcupine.CheckOperationsVerbose(m, history, checkPatience)
	r.fleet.tell("the register: %d calls answered, %d of unknown outcome, %d not sent, the slowest took %v; %d operations are %s, found in %v",
		count[done], count[unknown], count[unsent], slowest.Round(time.Millisecond), len(history), result, time.Since(began).Round(time.Millisecond))
	if result == porcupine.Ok {
		return
	}
	picture := r.fleet.path("register.html")
	err := porcupine.VisualizePath(m, info, picture)
	r.fleet.isWrong("the register's history is %s; see %s (%v)", result, picture, err)
	_ = os.WriteFile(r.fleet.path("register.txt"), fmt.Appendf(nil, "%+v\n", history), 0o600)
}
