package main

import (
	"context"
	"fmt"

	"originwarden/bench/peers"
	"originwarden/bench/report"
)

// turn is a proxy that is measured with a workload.
type turn struct {
	peer   peers.Peer
	result *report.Result
}

// measureSite measures all workloads of a site. Its proxies run all the time, but only
// one of them is driven.
func (b *bench) measureSite(ctx context.Context, s peers.Site) error {
	running := map[string]*peers.Instance{}
	defer func() {
		for _, x := range running {
			x.Stop()
		}
	}()
	for _, w := range b.selected() {
		if w.site != s {
			continue
		}
		if err := b.measureWorkload(ctx, w, running); err != nil {
			return err
		}
	}
	return nil
}

// measureWorkload measures the proxies in turns.
func (b *bench) measureWorkload(ctx context.Context, w workload, running map[string]*peers.Instance) error {
	var turns []turn
	for _, p := range b.peersOf(w) {
		t := turn{p, b.report.Add(w.name, w.description, p.Name, w.goals.of(p.Name))}
		turns = append(turns, t)
		if w.fresh || running[p.Name] != nil {
			continue
		}
		x, err := p.Start(ctx, b.environment, w.site)
		if err != nil {
			t.result.Fail(err)
			continue
		}
		running[p.Name] = x
	}
	for round := range b.options.rounds {
		for _, t := range turns {
			if t.result.Error != "" {
				continue
			}
			figures, err := b.measureOnce(ctx, w, t.peer, running[t.peer.Name])
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				t.result.Fail(err)
				continue
			}
			t.result.AddRound(figures)
			fmt.Fprintf(b.progress, "%s, round %d, %s: %s\n", w.name, round+1, t.peer.Name, figures)
		}
	}
	return nil
}

// measureOnce measures a running proxy, or one that is started for it.
func (b *bench) measureOnce(ctx context.Context, w workload, p peers.Peer, x *peers.Instance) (report.Figures, error) {
	if w.fresh {
		fresh, err := p.Start(ctx, b.environment, w.site)
		if err != nil {
			return nil, err
		}
		defer fresh.Stop()
		x = fresh
	}
	return w.measure(ctx, b, x, w)
}
