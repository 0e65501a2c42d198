package connection

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"originwarden/api/client"
)

// overrides maps a HOST:PORT to the addresses to dial instead. The host * matches
// every host.
type overrides map[string][]string

// parseResolve parses the values of --resolve.
func parseResolve(values []string) (overrides, error) {
	all := overrides{}
	for _, value := range values {
		host, rest, _ := strings.Cut(value, ":")
		port, list, _ := strings.Cut(rest, ":")
		to, err := parseAddresses(list, port)
		if number, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || number == 0 || host == "" {
			return nil, fmt.Errorf("--resolve: %q is not HOST:PORT:ADDRESS, such as tenant.example.com:443:127.0.0.1", value)
		}
		all[strings.ToLower(host)+":"+port] = to
	}
	return all, nil
}

// parseAddresses parses IP addresses separated by commas.
func parseAddresses(list, port string) (all []string, err error) {
	for address := range strings.SplitSeq(list, ",") {
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
		if err != nil {
			return nil, err
		}
		all = append(all, net.JoinHostPort(ip.String(), port))
	}
	return all, nil
}

// replaceHost returns server with another host, and the override that still
// connects to the address of server.
func replaceHost(server, host string) (string, overrides, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "", nil, client.ErrInvalidServer
	}
	parsed, err := url.Parse("//" + host)
	if err != nil || parsed.Host != host || parsed.Hostname() == "" {
		return "", nil, fmt.Errorf("--host: %q is not a host such as tenant.example.com", host)
	}
	address := hostPort(u)
	u.Host = host
	return u.String(), overrides{hostPort(u): {address}}, nil
}

// hostPort returns the HOST:PORT to dial for u.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dial connects to the first address that accepts.
func (o overrides) dial(ctx context.Context, network, address string) (net.Conn, error) {
	instead, ok := o[strings.ToLower(address)]
	if !ok {
		_, port, _ := net.SplitHostPort(address)
		instead = o["*:"+port]
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
