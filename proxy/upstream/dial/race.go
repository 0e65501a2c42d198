package dial

import (
	"context"
	"net"
	"net/netip"
	"time"
)

const (
	// attemptDelay is how long one address is tried alone (RFC 8305, section 8).
	attemptDelay = 250 * time.Millisecond
	// maxAddresses bounds the attempts for one connection.
	maxAddresses = 16
)

// attempt is the outcome of connecting to one address.
type attempt struct {
	conn net.Conn
	err  error
}

// connectToFirst connects to the first of several addresses that accepts the
// connection (RFC 8305, section 5). Each one is tried before the time is over. The error
// is that of the attempt that ended last.
func (d *Dialer) connectToFirst(ctx context.Context, all []netip.Addr) (net.Conn, error) {
	waiting := alternateFamilies(all)
	waiting = waiting[:min(len(waiting), maxAddresses)]
	delay := attemptDelay
	if end, limited := ctx.Deadline(); limited {
		delay = min(delay, time.Until(end)/time.Duration(len(waiting)))
	}
	ctx, cancel := context.WithCancel(ctx)
	ended, running := make(chan attempt, len(waiting)), 0
	defer func() {
		cancel()
		go closeLate(ended, running)
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			if len(waiting) > 0 {
				address := d.addressOf(waiting[0])
				go func() {
					conn, err := d.connect(ctx, "tcp", address)
					ended <- attempt{conn, err}
				}()
				waiting, running = waiting[1:], running+1
				next.Reset(delay)
			}
		case a := <-ended:
			running--
			if a.err == nil || running == 0 && len(waiting) == 0 {
				return a.conn, a.err
			}
			next.Reset(0)
		}
	}
}

// closeLate closes the connections of attempts that end when another one was first.
func closeLate(ended <-chan attempt, running int) {
	for range running {
		if a := <-ended; a.err == nil {
			a.conn.Close()
		}
	}
}

// alternateFamilies returns the addresses in their order, but IPv4 and IPv6 by turns, as
// long as there are both: often one of the two does not work at all (RFC 8305, section 4).
func alternateFamilies(all []netip.Addr) []netip.Addr {
	var first, second, mixed []netip.Addr
	for _, addr := range all {
		if addr.Unmap().Is4() == all[0].Unmap().Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	for i := range max(len(first), len(second)) {
		mixed = append(mixed, first[min(i, len(first)):min(i+1, len(first))]...)
		mixed = append(mixed, second[min(i, len(second)):min(i+1, len(second))]...)
	}
	return mixed
}
