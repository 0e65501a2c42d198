// Package dial opens connections to the server of a tenant: by TCP to a name, which may
// have several addresses, or to a Unix socket. It retries a server that starts.
package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Dialer opens connections to one server. It is not changed when it is in use, and may
// be used concurrently.
type Dialer struct {
	// Socket is the path of a Unix socket. If it is empty, the server is at Port of
	// Host, which is a name or an address.
	Socket     string
	Host, Port string
	// Timeout is for the lookup of the name and all attempts to connect together; 0 is
	// no limit.
	Timeout time.Duration
	// Lookup returns the addresses of a name. It is called for each connection; nil
	// asks the system.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Connect opens a connection to one address, until ctx ends; nil uses a net.Dialer.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)

	outage outage
}

// Dial opens a connection as DialOnce does, and with its errors. It retries a server that
// refuses connections for up to a second, as one that starts does for a moment. Only
// calls in the first second of an outage wait.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	for pause := refusedPause; ; pause *= 2 {
		conn, err := d.DialOnce(ctx)
		if err == nil {
			d.outage.end()
			return conn, nil
		}
		if !isRefused(err) || !d.outage.mayRetry() || !sleep(ctx, min(pause, retryRefusedFor/10)) {
			return nil, err
		}
	}
}

// DialOnce opens a connection. If the name has several addresses, it tries the next one
// when one fails, and also when one is silent for a moment: a dead server is passed over.
// The error is a *net.OpError whose Op is dial.
func (d *Dialer) DialOnce(ctx context.Context) (net.Conn, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	if d.Socket != "" {
		return d.connectToSocket(ctx)
	}
	all, err := d.lookup(ctx)
	switch {
	case err != nil:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	case len(all) == 1:
		return d.connect(ctx, "tcp", d.addressOf(all[0]))
	}
	return d.connectToFirst(ctx, all)
}

// lookup returns the addresses of the server, at least one.
func (d *Dialer) lookup(ctx context.Context) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(d.Host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if d.Lookup != nil {
		return d.Lookup(ctx, d.Host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", d.Host)
}

func (d *Dialer) addressOf(addr netip.Addr) string {
	return net.JoinHostPort(addr.Unmap().String(), d.Port)
}

// connectToSocket waits while the server has not accepted the connections that wait for
// it: Linux does not queue more of them.
func (d *Dialer) connectToSocket(ctx context.Context) (net.Conn, error) {
	for {
		conn, err := d.connect(ctx, "unix", d.Socket)
		if !errors.Is(err, syscall.EAGAIN) || !sleep(ctx, refusedPause) {
			return conn, err
		}
	}
}

// keepAlive is how long a connection is silent until TCP asks whether the server is
// there.
const keepAlive = 30 * time.Second

func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx, network, address)
	}
	return (&net.Dialer{KeepAlive: keepAlive}).DialContext(ctx, network, address)
}
