// Command member runs a member of an etcd cluster as a process that can be killed and
// paused. It prints "ready" when it has joined the cluster.
//
//	member -name m0 -dir DIR -client http://127.0.0.1:2379 -peer http://127.0.0.1:2380 -initial m0=http://127.0.0.1:2380
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"

	"originwarden/store/etcd/etcdtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var m etcdtest.Member
	flag.StringVar(&m.Name, "name", "m0", "the member's name")
	flag.StringVar(&m.Dir, "dir", "", "its data directory")
	flag.StringVar(&m.Client, "client", "http://127.0.0.1:2379", "the URL where it listens for clients")
	flag.StringVar(&m.Peer, "peer", "http://127.0.0.1:2380", "the URL where it listens for other members")
	flag.StringVar(&m.Initial, "initial", "m0=http://127.0.0.1:2380", "all members: NAME=PEER,…")
	flag.StringVar(&m.Token, "token", "originwarden", "distinguishes clusters with the same addresses")
	sync := flag.Bool("fsync", true, "sync every write to the disk before it is acknowledged")
	tick := flag.Uint("tick", 100, "milliseconds between heartbeats; an election starts after ten missed ones")
	quota := flag.Int64("quota", 0, "quota in bytes; 0 is the default of etcd")
	flag.Parse()
	if m.Dir == "" {
		return fmt.Errorf("-dir is required")
	}
	m.Adjust = func(c *embed.Config) {
		c.UnsafeNoFsync, c.QuotaBackendBytes = !*sync, *quota
		c.TickMs, c.ElectionMs = *tick, 10**tick
	}
	e, err := m.Start()
	if err != nil {
		return err
	}
	defer e.Close()
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	select {
	case <-stop:
		return nil
	case err := <-e.Err():
		return err
	}
}
