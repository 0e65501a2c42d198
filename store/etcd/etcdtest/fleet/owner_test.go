//go:build linux

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"originwarden/api/client"
)

// owner creates, changes and deletes web integrations that no other client writes to,
// each time through a random gateway.
type owner struct {
	fleet          *fleet
	expectationLog *expectationLog
	who            int
	random         *rand.Rand
	number         int

	all []*owned
}

// owned is the state of a web integration as its owner knows it.
type owned struct {
	id, name     string       // the id is empty if the outcome of the creation is unknown
	current      *expectation // of the last acknowledged write; nil after a creation of unknown outcome
	unconfirmed  []string     // origins of later writes of unknown outcome
	maybeDeleted bool         // the outcome of a deletion is unknown
	deleted      bool
	written      []written
}

// written is an acknowledged write.
type written struct {
	origin   string // empty for a deletion
	revision uint64
}

func (f *fleet) newOwner(who int, l *expectationLog, seed uint64) *owner {
	return &owner{fleet: f, expectationLog: l, who: who, random: rand.New(rand.NewPCG(seed, 200+uint64(who)))}
}

const maxOwned = 8 // existing at the same time

// work makes writes until ctx ends.
func (o *owner) work(ctx context.Context) {
	for pause(ctx, time.Duration(20+o.random.IntN(80))*time.Millisecond) {
		g := o.fleet.gateways[o.random.IntN(fleetSize)]
		mine := o.existing()
		if len(mine) < 3 || len(mine) < maxOwned && o.random.IntN(3) == 0 {
			o.create(g)
			continue
		}
		if w := mine[o.random.IntN(len(mine))]; o.random.IntN(3) == 0 {
			o.delete(g, w)
		} else {
			o.change(g, w)
		}
	}
}

// existing returns the web integrations that can be written to.
func (o *owner) existing() (mine []*owned) {
	for _, w := range o.all {
		if !w.deleted && w.id != "" {
			mine = append(mine, w)
		}
	}
	return mine
}

// next returns a new origin.
func (o *owner) next() string {
	o.number++
	return fmt.Sprintf("https://o%d-%s-%d.example", o.who, randomHex(), o.number)
}

func (o *owner) create(g *gateway) {
	w, origin := &owned{name: fmt.Sprintf("owner %d, number %d", o.who, o.number)}, o.next()
	run := g.run()
	created, err := g.api(lists).Create(context.Background(), w.name, []string{origin})
	switch outcomeOf(err) {
	case done:
		w.id = created.ID
		o.recordAcknowledged(g, run, w, origin, created.Response)
		o.all = append(o.all, w)
	case unknown:
		w.unconfirmed = []string{origin}
		o.all = append(o.all, w)
	case failed:
		o.fleet.reportf("%s: creating %s: %v", g.name, w.name, err)
	}
}

func (o *owner) change(g *gateway, w *owned) {
	origin := o.next()
	w.current.superseded.Store(true)
	run := g.run()
	response, err := g.api(lists).Patch(context.Background(), w.id, []client.Operation{client.ReplaceValidOrigins(origin)}, "")
	switch outcomeOf(err) {
	case done:
		w.maybeDeleted = false // an earlier deletion can no longer be made after this write
		o.recordAcknowledged(g, run, w, origin, response)
	case unknown:
		w.unconfirmed = append(w.unconfirmed, origin)
	case failed:
		o.checkMissing(g, w, err)
	}
}

func (o *owner) delete(g *gateway, w *owned) {
	w.current.superseded.Store(true)
	run := g.run()
	response, err := g.api(lists).Delete(context.Background(), w.id, "")
	switch outcomeOf(err) {
	case done:
		o.recordAcknowledged(g, run, w, "", response)
	case unknown:
		w.maybeDeleted = true
	case failed:
		o.checkMissing(g, w, err)
	}
}

// checkMissing checks that a write failed because w was deleted by a write of unknown
// outcome.
func (o *owner) checkMissing(g *gateway, w *owned, err error) {
	if !w.maybeDeleted || !errors.Is(err, client.ErrNotFound) {
		o.fleet.reportf("%s: writing to %s with origin %s, unconfirmed %v, perhaps deleted %t: %v", g.name, w.name, w.current.origin, w.unconfirmed, w.maybeDeleted, err)
	}
	o.expectationLog.add(o.revoke(w)...)
	w.deleted = true
}

// recordAcknowledged records a write that replaced all earlier origins by origin, or
// deleted the web integration if origin is "". It checks the decisions of the gateway
// that acknowledged it.
func (o *owner) recordAcknowledged(g *gateway, run int, w *owned, origin string, response client.Response) {
	w.written = append(w.written, written{origin, response.Revision})
	expectations := o.revoke(w)
	if w.deleted = origin == ""; !w.deleted {
		w.current = &expectation{tenant: lists, id: w.id, origin: origin, allowed: true, from: time.Now()}
		expectations = append(expectations, w.current)
	}
	for _, e := range expectations {
		kind := requestKind(o.random.IntN(int(requestKinds)))
		if allowed, err := g.isAllowed(kind, e.tenant, e.id, e.origin); g.run() == run && run > 0 && (err != nil || allowed != e.allowed) {
			o.fleet.reportf("%s: %s allowed: %t (request kind %d), right after acknowledging the opposite: %v", g.name, e.origin, allowed, kind, err)
		}
	}
	o.expectationLog.add(expectations...)
}

// revoke returns expectations that no origin of w is allowed any more.
func (o *owner) revoke(w *owned) (expectations []*expectation) {
	origins := w.unconfirmed
	if w.unconfirmed = nil; w.current != nil {
		origins = append(origins, w.current.origin)
	}
	for _, origin := range origins {
		expectations = append(expectations, &expectation{tenant: lists, id: w.id, origin: origin, from: time.Now()})
	}
	return expectations
}

// check checks the listed web integrations against the acknowledged writes, and removes
// those of the owner from listed.
func (o *owner) check(history *observer, listed map[string]client.WebIntegration) {
	for _, w := range o.all {
		o.checkHistory(history, w)
		current, found := listed[w.name]
		delete(listed, w.name)
		possible := slices.Clone(w.unconfirmed)
		if w.current != nil {
			possible = append(possible, w.current.origin)
		}
		switch {
		case w.deleted && found:
			o.fleet.reportf("%s was deleted, but is listed: %+v", w.name, current)
		case !found && !w.deleted && !w.maybeDeleted && w.current != nil:
			o.fleet.reportf("%s is not listed; its origin is %s", w.name, w.current.origin)
		case found && (len(current.ValidOrigins) != 1 || !slices.Contains(possible, current.ValidOrigins[0])):
			o.fleet.reportf("%s has %v, want one of %v", w.name, current.ValidOrigins, possible)
		}
	}
}

// checkHistory checks the history in the cluster against the acknowledged writes.
func (o *owner) checkHistory(history *observer, w *owned) {
	for _, write := range w.written {
		revision := history.deletion(lists, w.id)
		if write.origin != "" {
			put, _ := history.find(write.origin)
			revision = put.revision
		}
		if revision != write.revision {
			o.fleet.reportf("%s: the write of %q was acknowledged at revision %d, but made at %d", w.name, write.origin, write.revision, revision)
		}
	}
}
