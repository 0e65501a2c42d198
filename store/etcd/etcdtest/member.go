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

// Member is the configuration of a member of a cluster.
type Member struct {
	Name string
	Dir  string // its data directory, which is created and not removed
	// Client and Peer are the URLs where it listens.
	Client, Peer string
	// Initial lists the members of the cluster: NAME=PEER,…
	Initial string
	// Token distinguishes clusters with the same addresses.
	Token string
	// TLS is for client connections. If it is nil, they use no TLS.
	TLS *transport.TLSInfo `json:"-"`
	// Adjust changes the configuration of etcd. It may be nil.
	Adjust func(*embed.Config) `json:"-"`
}

const startTimeout = 30 * time.Second

// Start starts the member in this process, and returns when it has joined the cluster,
// or fails after 30 s.
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
	case <-time.After(startTimeout):
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
	c.UnsafeNoFsync = true // tests do not simulate a power failure
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	if m.TLS != nil {
		c.ClientTLSInfo = *m.TLS
	}
	if m.Adjust != nil {
		m.Adjust(c)
	}
	return c, nil
}
