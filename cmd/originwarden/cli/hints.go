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

// isTerminal reports whether what is written to w is on somebody's screen.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	is, err := f.Stat()
	if err != nil || is.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nowhere, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(is, nowhere)
}

// forReader settles what format a log has on this standard error.
func forReader(log config.Log, terminal bool) config.Log {
	if log.Format == config.Auto {
		log.Format = config.JSON
		if terminal {
			log.Format = config.Console
		}
	}
	return log
}

// wsaeAddrInUse is EADDRINUSE of Windows, which package syscall has another
// number for.
const wsaeAddrInUse = syscall.Errno(10048)

// withHintOfAddress adds to the error of an address that is taken which flag
// names another one.
func withHintOfAddress(err error, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeAddrInUse) {
		return fmt.Errorf("%w: stop the program that has it, perhaps another gateway, or give another address with %s", err, flag)
	}
	return err
}

// withHintOfStore adds to the error of a file that is in use what can be done.
func withHintOfStore(err error) error {
	if errors.Is(err, sqlite.ErrInUse) {
		return fmt.Errorf("%w, perhaps another gateway: stop that, or keep the lists of this one elsewhere with --data or --store", err)
	}
	return err
}
