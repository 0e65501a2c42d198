// Package etcdtest runs real etcd clusters for tests. It is a module of its own,
// so that the product does not depend on etcd's server.
package etcdtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"
)

// Cluster is a cluster on loopback, in this process. It is not for concurrent
// use.
type Cluster struct {
	Members []Member
	running []*embed.Etcd
}

// StartCluster starts so many members, which end with t. adjust is called on
// each of them before it has its addresses, and may be nil.
func StartCluster(t testing.TB, size int, adjust func(*Member)) *Cluster {
	t.Helper()
	var err error
	for range 3 { // somebody else may take a port first
		c := &Cluster{running: make([]*embed.Etcd, size)}
		if c.Members, err = NewMembers(t.TempDir(), size, adjust); err != nil {
			t.Fatal(err)
		}
		if err = c.Start(); err == nil {
			t.Cleanup(c.Stop)
			return c
		}
		c.Stop()
	}
	t.Fatal(err)
	return nil
}

// NewMembers are those of a new cluster, with data in folders of dir and
// addresses of loopback on which nobody listened just now.
func NewMembers(dir string, size int, adjust func(*Member)) ([]Member, error) {
	all, initial := make([]Member, size), ""
	for i := range all {
		m := &all[i]
		m.Name, m.Token = fmt.Sprintf("m%d", i), dir
		m.Dir = filepath.Join(dir, m.Name)
		if adjust != nil {
			adjust(m)
		}
		client, err := freeAddress()
		if err != nil {
			return nil, err
		}
		peer, err := freeAddress()
		if err != nil {
			return nil, err
		}
		m.Client, m.Peer = "http://"+client, "http://"+peer
		if m.TLS != nil {
			m.Client = "https://" + client
		}
		initial += "," + m.Name + "=" + m.Peer
	}
	for i := range all {
		all[i].Initial = initial[1:]
	}
	return all, nil
}

// freeAddress returns an address of loopback on which nobody listened just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start starts all members that do not run, at once: none is ready without
// others.
func (c *Cluster) Start() error {
	errs := make([]error, len(c.Members))
	c.each(func(i int) {
		if c.running[i] == nil {
			c.running[i], errs[i] = c.Members[i].Start()
		}
	})
	return errors.Join(errs...)
}

// Stop ends all members. It is slow while clients are connected, for whom etcd
// waits.
func (c *Cluster) Stop() {
	c.each(func(i int) {
		if e := c.running[i]; e != nil {
			c.running[i] = nil
			e.Server.HardStop()
			e.Close()
		}
	})
}

func (c *Cluster) each(do func(i int)) {
	var all sync.WaitGroup
	for i := range c.Members {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Endpoints are where the clients go, HOST:PORT.
func (c *Cluster) Endpoints() []string { return Endpoints(c.Members) }

// Endpoints are where the members' clients go, HOST:PORT.
func Endpoints(members []Member) (all []string) {
	for _, m := range members {
		if u, err := url.Parse(m.Client); err == nil {
			all = append(all, u.Host)
		}
	}
	return all
}
