package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// addresses are where to connect to instead, by HOST:PORT. A HOST of * is any.
type addresses map[string][]string

// resolved reads the values of --resolve.
func resolved(values []string) (addresses, error) {
	at := addresses{}
	for _, value := range values {
		host, rest, _ := strings.Cut(value, ":")
		port, list, _ := strings.Cut(rest, ":")
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 || host == "" {
			return nil, notResolvable(value)
		}
		var to []string
		for address := range strings.SplitSeq(list, ",") {
			ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
			if err != nil {
				return nil, notResolvable(value)
			}
			to = append(to, net.JoinHostPort(ip.String(), port))
		}
		at[strings.ToLower(host)+":"+port] = to
	}
	return at, nil
}

func notResolvable(value string) error {
	return fmt.Errorf("--resolve: %q is not HOST:PORT:ADDRESS, such as tenant.example.com:443:127.0.0.1", value)
}

// dial connects to the first address that there is.
func (a addresses) dial(ctx context.Context, network, address string) (net.Conn, error) {
	instead, ok := a[strings.ToLower(address)]
	if !ok {
		_, port, _ := net.SplitHostPort(address)
		instead = a["*:"+port]
	}
	if len(instead) == 0 {
		instead = []string{address}
	}
	var dialer net.Dialer
	var failures []error
	for _, to := range instead {
		conn, err := dialer.DialContext(ctx, network, to)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// withPort is the authority of a URL with its port, as it is connected to.
func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
