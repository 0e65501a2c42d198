package cli

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"

	"originwarden/cmd/originwarden/cli/command"
	"originwarden/cmd/originwarden/config"
	"originwarden/envelope/escape"
)

// Names of the sockets that systemd may pass (FileDescriptorName= of a socket
// unit) instead of those that the configuration names.
const (
	socketTenants = "tenants"
	socketAdmin   = "admin"
)

// passedSockets are the listeners that systemd has passed, by their names.
type passedSockets map[string][]net.Listener

// takePassedSockets returns the sockets that systemd passed to the process. It is
// called once: the descriptors are taken.
func takePassedSockets() (map[string][]net.Listener, error) {
	sockets := map[string][]net.Listener{}
	for _, file := range activation.Files(true) {
		listener, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("the socket that systemd passed, named %s, does not listen: %w", escape.Text(file.Name()), err)
		}
		sockets[file.Name()] = append(sockets[file.Name()], listener)
	}
	return sockets, nil
}

// check reports unknown names, and names with several sockets: mistakes of the
// unit.
func (p passedSockets) check() error {
	for name, sockets := range p {
		switch {
		case name != socketTenants && name != socketAdmin:
			return fmt.Errorf("systemd passed a socket named %s: FileDescriptorName is %s or %s", escape.Text(name), socketTenants, socketAdmin)
		case len(sockets) != 1:
			return fmt.Errorf("systemd passed %d sockets named %s: want one", len(sockets), name)
		}
	}
	return nil
}

// flags returns the addresses of the sockets as flags of serve.
func (p passedSockets) flags() (all []config.Flag) {
	for name, flag := range map[string]string{socketTenants: "listen", socketAdmin: "admin-listen"} {
		if sockets := p[name]; len(sockets) == 1 {
			if at, isTCP := sockets[0].Addr().(*net.TCPAddr); isTCP {
				all = append(all, config.Flag{Name: flag, Value: at.String()})
			}
		}
	}
	return all
}

// openListenerFunc returns the function that opens the listener of a configuration
// key. A socket that was passed is used in place of an address.
func openListenerFunc(listen command.ListenFunc, passed passedSockets) func(key, address string) (net.Listener, error) {
	names := map[string]struct{ socket, flag string }{
		"listen":        {socketTenants, "--listen"},
		"admin.listen":  {socketAdmin, "--admin-listen"},
		"decide.listen": {"", "decide.listen"},
		"listed-page":   {"", "--listed-page"},
		"other-page":    {"", "--other-page"},
	}
	return func(key, address string) (net.Listener, error) {
		if sockets := passed[names[key].socket]; len(sockets) == 1 {
			return sockets[0], nil
		}
		l, err := listen("tcp", address)
		return l, addAddressHint(err, names[key].flag)
	}
}
