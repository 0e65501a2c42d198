package server

import "net"

// LocalAddress returns the address at which this machine reaches a listener.
func LocalAddress(listener net.Addr) string {
	host, port, _ := net.SplitHostPort(listener.String())
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// isLoopback reports whether only this machine reaches a listener.
func isLoopback(listener net.Addr) bool {
	tcp, ok := listener.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
