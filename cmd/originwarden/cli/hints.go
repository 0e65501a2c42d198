package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"originwarden/cmd/originwarden/config"
	"originwarden/store/sqlite"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	found, err := f.Stat()
	if err != nil || found.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(found, null)
}

// resolveFormat replaces the format auto by the one for this standard error.
func resolveFormat(log config.Log, terminal bool) config.Log {
	switch {
	case log.Format != config.Auto:
	case terminal:
		log.Format = config.Console
	default:
		log.Format = config.JSON
	}
	return log
}

// wsaeAddrInUse is what Windows reports; syscall.EADDRINUSE is another number
// there.
const wsaeAddrInUse = syscall.Errno(10048)

// addAddressHint adds what to do to err, if it says that an address is in use: flag
// gives another one.
func addAddressHint(err error, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeAddrInUse) {
		return fmt.Errorf("%w: stop the program that uses it, perhaps another gateway, or give another address with %s", err, flag)
	}
	return err
}

// addStoreHint adds what to do to err, if it says that a file is in use.
func addStoreHint(err error) error {
	if errors.Is(err, sqlite.ErrInUse) {
		return fmt.Errorf("%w, perhaps another gateway: stop that one, or keep the lists of this one elsewhere with --data or --store", err)
	}
	return err
}
