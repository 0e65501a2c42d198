package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"

	"originwarden/bench/load"
	"originwarden/bench/peers"
	"originwarden/bench/process"
	"originwarden/bench/report"
)

// bench is one run of the command.
type bench struct {
	options     options
	environment *peers.Environment
	driver      load.Driver
	report      *report.Report
	progress    io.Writer
}

// run measures, prints the table to w, and writes the result files.
func run(ctx context.Context, o options, w io.Writer) error {
	// Processes that are started end with the thread that started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nameMissing(w)
	cores, err := process.ChooseCores()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "building originwarden")
	environment, err := peers.Prepare(ctx, dir, cores)
	if err != nil {
		return err
	}
	defer environment.Close()
	b := &bench{options: o, environment: environment, driver: load.Driver{Core: cores.Load, Dir: dir}, progress: w}
	b.report = b.newReport(ctx)
	if err := b.measure(ctx); err != nil {
		return err
	}
	return b.finish()
}

func (b *bench) newReport(ctx context.Context) *report.Report {
	r := report.New()
	r.Versions = peers.Versions(ctx)
	maps.Copy(r.Versions, load.Versions(ctx))
	r.Versions["go"] = runtime.Version()
	r.Upstream, r.Baseline = b.environment.UpstreamName, peers.Nginx
	r.Rounds, r.Seconds = b.options.rounds, b.options.seconds
	return r
}

// measure measures all sites, in the order of their workloads.
func (b *bench) measure(ctx context.Context) error {
	for _, s := range b.sites() {
		if err := b.measureSite(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// finish prints the table and writes the files.
func (b *bench) finish() error {
	b.report.Finish()
	fmt.Fprint(b.progress, "\n", b.report.Table())
	var err error
	if b.options.out != "" {
		err = b.report.Write(b.options.out)
	}
	return errors.Join(err, b.report.Failure())
}

// nameMissing prints what is not measured because it is not installed.
func nameMissing(w io.Writer) {
	for _, p := range peers.All() {
		if !p.IsInstalled() {
			fmt.Fprintf(w, "skipping %s: %s\n", p.Name, p.Install)
		}
	}
	for _, line := range load.Missing() {
		fmt.Fprintln(w, line)
	}
}

// selected returns the workloads of the run.
func (b *bench) selected() []workload {
	return slices.DeleteFunc(workloads(), func(w workload) bool {
		return !b.options.only.match(w.name) || w.http2 && !load.HasHTTP2()
	})
}

// sites returns the sites of the workloads, in their order.
func (b *bench) sites() []peers.Site {
	var all []peers.Site
	for _, w := range b.selected() {
		if !slices.Contains(all, w.site) {
			all = append(all, w.site)
		}
	}
	return all
}

// peersOf returns the proxies that are measured with a workload.
func (b *bench) peersOf(w workload) []peers.Peer {
	return slices.DeleteFunc(peers.All(), func(p peers.Peer) bool {
		return !b.options.peers.match(p.Name) || !p.IsInstalled() || !p.CanServe(w.site) || w.api && !p.HasAPI
	})
}
