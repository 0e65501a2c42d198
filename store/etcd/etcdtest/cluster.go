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

// Cluster is an etcd cluster on loopback, in this process. It must not be used
// concurrently.
type Cluster struct {
	Members []Member
	running []*embed.Etcd
}

// StartCluster starts a cluster of this size, which is stopped when t ends. adjust is
// called for each member before it gets its addresses, and may be nil.
func StartCluster(t testing.TB, size int, adjust func(*Member)) *Cluster {
	t.Helper()
	var err error
	for range 3 { // another process may take a port first
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

// NewMembers returns the members of a new cluster, with data directories in dir and free
// addresses on loopback.
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

// freeAddress returns a free address on loopback.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start starts all members that are not running. It starts them concurrently, because
// none becomes ready alone.
func (c *Cluster) Start() error {
	errs := make([]error, len(c.Members))
	c.each(func(i int) {
		if c.running[i] == nil {
			c.running[i], errs[i] = c.Members[i].Start()
		}
	})
	return errors.Join(errs...)
}

// Stop stops all members. It is slow while clients are connected, since etcd waits for
// them.
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

// Endpoints returns the client addresses of the members, HOST:PORT.
func (c *Cluster) Endpoints() []string { return Endpoints(c.Members) }

// Endpoints returns the client addresses of the members, HOST:PORT.
func Endpoints(members []Member) (all []string) {
	for _, m := range members {
		if u, err := url.Parse(m.Client); err == nil {
			all = append(all, u.Host)
		}
	}
	return all
}
