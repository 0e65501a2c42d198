package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"originwarden/cmd/originwarden/config"
	"originwarden/escape"
)

// Names of the sockets that systemd may hand over (FileDescriptorName= of a
// socket unit), in the place of those that the configuration names.
const (
	socketTenants = "tenants"
	socketAdmin   = "admin"
)

// activated returns the listeners that systemd hands over, by their names. It
// is asked once: the descriptors are taken.
func activated() (map[string][]net.Listener, error) {
	sockets := map[string][]net.Listener{}
	for _, file := range activation.Files(true) {
		listener, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("the socket that systemd handed over called %s does not listen: %w", escape.Text(file.Name()), err)
		}
		sockets[file.Name()] = append(sockets[file.Name()], listener)
	}
	return sockets, nil
}

// handedOver is listen for a process that was handed sockets: the one of a name
// takes the place of whatever address is asked for. A name that nobody asks for
// is a mistake of its unit.
type handedOver struct {
	listen  func(network, address string) (net.Listener, error)
	sockets map[string][]net.Listener
}

// check reports names that are none, and names with several sockets.
func (h *handedOver) check() error {
	for name, sockets := range h.sockets {
		switch {
		case name != socketTenants && name != socketAdmin:
			return fmt.Errorf("systemd handed over a socket called %s: FileDescriptorName is %s or %s", escape.Text(name), socketTenants, socketAdmin)
		case len(sockets) != 1:
			return fmt.Errorf("systemd handed over %d sockets called %s: there is to be one", len(sockets), name)
		}
	}
	return nil
}

// open returns the socket of that name, or a new one at address.
func (h *handedOver) open(name, address string) (net.Listener, error) {
	if sockets := h.sockets[name]; len(sockets) == 1 {
		return sockets[0], nil
	}
	return h.listen("tcp", address)
}

// flags make the addresses of the sockets those of the configuration.
func (h *handedOver) flags() (all []config.Flag) {
	for name, flag := range map[string]string{socketTenants: "listen", socketAdmin: "admin-listen"} {
		if sockets := h.sockets[name]; len(sockets) == 1 {
			if at, isTCP := sockets[0].Addr().(*net.TCPAddr); isTCP {
				all = append(all, config.Flag{Name: flag, Value: at.String()})
			}
		}
	}
	return all
}

// tellSystemd says how the service is, where systemd has started it. That
// systemd does not hear is nothing that the service could mend.
func tellSystemd(state string) { _, _ = daemon.SdNotify(false, state) }

// tellReloading says that a reload begins, which the next READY=1 ends
// (sd_notify(3)).
func tellReloading() {
	tellSystemd(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic().Microseconds()))
}

// guard tells systemd that the process lives, as often as its unit's
// WatchdogSec wants, until ctx ends.
func guard(ctx context.Context) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil || within <= 0 {
		return
	}
	tick := time.NewTicker(within / 2)
	defer tick.Stop()
	for {
		tellSystemd(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
