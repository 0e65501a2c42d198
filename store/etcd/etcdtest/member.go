package etcdtest

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Member is what one member of a cluster is started with.
type Member struct {
	Name string
	Dir  string // its data; is made, and kept
	// Client and Peer are where it listens, URLs.
	Client, Peer string
	// Initial is the cluster that it makes: NAME=PEER,…
	Initial string
	// Token tells clusters apart that are made of the same addresses.
	Token string
	// TLS is for its clients; nil means without.
	TLS *transport.TLSInfo `json:"-"`
	// Adjust changes what etcd is configured with; nil means not.
	Adjust func(*embed.Config) `json:"-"`
}

const startPatience = 30 * time.Second

// Start starts the member in this process, and returns when it is part of the
// cluster or has not become so within 30 s.
func (m Member) Start() (*embed.Etcd, error) {
	config, err := m.config()
	if err != nil {
		return nil, err
	}
	e, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", m.Name, err)
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err = <-e.Err():
	case <-e.Server.StopNotify():
		err = errors.New("it stopped")
	case <-time.After(startPatience):
		err = errors.New("it did not become ready")
	}
	e.Close()
	return nil, fmt.Errorf("starting %s: %w", m.Name, err)
}

func (m Member) config() (*embed.Config, error) {
	client, err := url.Parse(m.Client)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(m.Peer)
	if err != nil {
		return nil, err
	}
	c := embed.NewConfig()
	c.Name, c.Dir = m.Name, m.Dir
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster, c.InitialClusterToken = m.Initial, m.Token
	c.TickMs, c.ElectionMs = 50, 500
	c.UnsafeNoFsync = true // no machine loses its power in a test
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	if m.TLS != nil {
		c.ClientTLSInfo = *m.TLS
	}
	if m.Adjust != nil {
		m.Adjust(c)
	}
	return c, nil
}
