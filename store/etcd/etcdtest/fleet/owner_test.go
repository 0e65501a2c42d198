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

// owner makes, changes and deletes web integrations of its own, each time at
// any gateway.
type owner struct {
	fleet  *fleet
	ledger *ledger
	who    int
	random *rand.Rand
	number int

	all []*owned
}

// owned is a web integration, as its owner knows it.
type owned struct {
	id, name string   // the id is not known if it is not known whether it was made
	is       *fact    // what was acknowledged last; nil after a creation that was not
	maybe    []string // the origins of later writes whose outcome is not known
	doomed   bool     // it is not known whether it was deleted
	gone     bool
	written  []written
}

// written is a write that was acknowledged.
type written struct {
	origin   string // none after a deletion
	revision uint64
}

func (f *fleet) newOwner(who int, l *ledger, seed uint64) *owner {
	return &owner{fleet: f, ledger: l, who: who, random: rand.New(rand.NewPCG(seed, 200+uint64(who)))}
}

const mostOwned = 8 // that are there

// work goes on until ctx ends.
func (o *owner) work(ctx context.Context) {
	for pause(ctx, time.Duration(20+o.random.IntN(80))*time.Millisecond) {
		g := o.fleet.gateways[o.random.IntN(size)]
		mine := o.there()
		if len(mine) < 3 || len(mine) < mostOwned && o.random.IntN(3) == 0 {
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

// there are those that can be written to.
func (o *owner) there() (mine []*owned) {
	for _, w := range o.all {
		if !w.gone && w.id != "" {
			mine = append(mine, w)
		}
	}
	return mine
}

func (o *owner) next() string {
	o.number++
	return fmt.Sprintf("https://o%d-%s-%d.example", o.who, token8(), o.number)
}

func (o *owner) create(g *gateway) {
	w, origin := &owned{name: fmt.Sprintf("owner %d, number %d", o.who, o.number)}, o.next()
	run := g.run()
	made, err := g.api(lists).Create(context.Background(), w.name, []string{origin})
	switch outcomeOf(err) {
	case done:
		w.id = made.ID
		o.acknowledged(g, run, w, origin, made.Response)
		o.all = append(o.all, w)
	case unknown:
		w.maybe = []string{origin}
		o.all = append(o.all, w)
	case failed:
		o.fleet.isWrong("%s: creating %s: %v", g.name, w.name, err)
	}
}

func (o *owner) change(g *gateway, w *owned) {
	origin := o.next()
	w.is.over.Store(true)
	run := g.run()
	answer, err := g.api(lists).Patch(context.Background(), w.id, []client.Operation{client.ReplaceValidOrigins(origin)}, "")
	switch outcomeOf(err) {
	case done:
		w.doomed = false // nor can it be any more: a write makes void what has not happened yet
		o.acknowledged(g, run, w, origin, answer)
	case unknown:
		w.maybe = append(w.maybe, origin)
	case failed:
		o.missing(g, w, err)
	}
}

func (o *owner) delete(g *gateway, w *owned) {
	w.is.over.Store(true)
	run := g.run()
	answer, err := g.api(lists).Delete(context.Background(), w.id, "")
	switch outcomeOf(err) {
	case done:
		o.acknowledged(g, run, w, "", answer)
	case unknown:
		w.doomed = true
	case failed:
		o.missing(g, w, err)
	}
}

// missing is right only if it may have been deleted.
func (o *owner) missing(g *gateway, w *owned, err error) {
	if !w.doomed || !errors.Is(err, client.ErrNotFound) {
		o.fleet.isWrong("%s: writing to %s, which has %s and perhaps %v, and is perhaps deleted: %t: %v", g.name, w.name, w.is.origin, w.maybe, w.doomed, err)
	}
	o.ledger.add(o.revoke(w)...)
	w.gone = true
}

// acknowledged takes note that an origin, if there is one, has taken the place
// of all earlier ones, and asks the gateway that has said so.
func (o *owner) acknowledged(g *gateway, run int, w *owned, origin string, answer client.Response) {
	w.written = append(w.written, written{origin, answer.Revision})
	facts := o.revoke(w)
	if w.gone = origin == ""; !w.gone {
		w.is = &fact{tenant: lists, id: w.id, origin: origin, allowed: true, since: time.Now()}
		facts = append(facts, w.is)
	}
	for _, f := range facts {
		how := question(o.random.IntN(int(questions)))
		if allowed, err := g.allows(how, f.tenant, f.id, f.origin); g.run() == run && run > 0 && (err != nil || allowed != f.allowed) {
			o.fleet.isWrong("%s says that %s is allowed: %t (question %d), right after it has acknowledged the contrary: %v", g.name, f.origin, allowed, how, err)
		}
	}
	o.ledger.add(facts...)
}

// revoke takes note that nothing is listed any more.
func (o *owner) revoke(w *owned) (facts []*fact) {
	origins := w.maybe
	if w.maybe = nil; w.is != nil {
		origins = append(origins, w.is.origin)
	}
	for _, origin := range origins {
		facts = append(facts, &fact{tenant: lists, id: w.id, origin: origin, since: time.Now()})
	}
	return facts
}

// check holds what is there in the end to what was acknowledged.
func (o *owner) check(history *observer, there map[string]client.WebIntegration) {
	for _, w := range o.all {
		o.checkHistory(history, w)
		is, found := there[w.name]
		delete(there, w.name)
		possible := slices.Clone(w.maybe)
		if w.is != nil {
			possible = append(possible, w.is.origin)
		}
		switch {
		case w.gone && found:
			o.fleet.isWrong("%s is there though it was deleted: %+v", w.name, is)
		case !found && !w.gone && !w.doomed && w.is != nil:
			o.fleet.isWrong("%s is not there, with %s", w.name, w.is.origin)
		case found && (len(is.ValidOrigins) != 1 || !slices.Contains(possible, is.ValidOrigins[0])):
			o.fleet.isWrong("%s has %v, want one of %v", w.name, is.ValidOrigins, possible)
		}
	}
}

// checkHistory holds the cluster's own history to what was acknowledged.
func (o *owner) checkHistory(history *observer, w *owned) {
	for _, write := range w.written {
		revision := history.deletion(lists, w.id)
		if write.origin != "" {
			is, _ := history.find(write.origin)
			revision = is.revision
		}
		if revision != write.revision {
			o.fleet.isWrong("%s: the write of %q was acknowledged at revision %d, and is at %d", w.name, write.origin, write.revision, revision)
		}
	}
}
