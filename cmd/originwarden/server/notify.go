package server

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify reports a state to systemd, if it has started the process. A failure is
// nothing that the gateway could correct.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// notifyReloading reports that a reload begins. The next READY=1 ends it; see
// sd_notify(3).
func notifyReloading() { notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()) }

// notifyWatchdog reports that the process is alive, twice per WatchdogSec of the
// unit, until ctx ends.
func notifyWatchdog(ctx context.Context) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil || within <= 0 {
		return
	}
	tick := time.NewTicker(within / 2)
	defer tick.Stop()
	for {
		notify(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
