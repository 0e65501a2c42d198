// Command bench measures the gateway beside other proxies. It starts an upstream, the
// gateway with and without its fast lane, and every other proxy that it finds on the
// machine, drives them in turns, and prints a table of medians. The proxy that is driven
// has one core; the upstream and the load have another one. It needs Linux and taskset;
// everything that it starts listens on loopback and ends with it. The README beside it
// explains the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"originwarden/bench/peers"
)

// options are the flags.
type options struct {
	rounds  int
	seconds float64 // of each measurement
	only    names   // workloads
	peers   names
	out     string // "": none
}

// names are patterns as in path.Match. None stand for all names.
type names []string

func (n names) match(name string) bool {
	return len(n) == 0 || slices.ContainsFunc(n, func(pattern string) bool {
		matched, err := path.Match(pattern, name)
		return matched && err == nil
	})
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parseFlags(os.Args[1:], os.Stderr)
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		log.Fatal("bench: ", err)
	}
}

func parseFlags(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each proxy is driven with each workload")
	flags.Float64Var(&o.seconds, "seconds", 5, "duration of each measurement; a second of warm-up precedes it")
	flags.Func("only", "measure only these workloads, as `name,…`, in which * stands for any characters: "+strings.Join(workloadNames(), ", "),
		func(value string) error { return o.only.set(value, workloadNames()) })
	flags.Func("peers", "drive only these proxies, as `name,…`: "+strings.Join(peers.Names(), ", "),
		func(value string) error { return o.peers.set(value, peers.Names()) })
	flags.StringVar(&o.out, "out", "", "result `file`; the table is written beside it with the extension .md\n"+
		"(default bench/results/DATE.json if no other flag is used, otherwise none)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NFlag() == 0 {
		o.out = "bench/results/" + time.Now().UTC().Format(time.DateOnly) + ".json"
	}
	return o, o.check()
}

// set splits a list of patterns, each of which must match a known name.
func (n *names) set(value string, known []string) error {
	*n = strings.Split(value, ",")
	for _, pattern := range *n {
		if !slices.ContainsFunc(known, names{pattern}.match) {
			return fmt.Errorf("%q is none of them", pattern)
		}
	}
	return nil
}

func (o options) check() error {
	if o.rounds < 1 || o.seconds <= 0 {
		return errors.New("-rounds and -seconds must be positive")
	}
	if o.out != "" && !strings.HasSuffix(o.out, ".json") {
		return errors.New("-out must end with .json")
	}
	return nil
}

func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }
