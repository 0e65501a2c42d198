#!/bin/sh
# Stops the gateway before its files are removed. Called by dpkg with "remove", and by
# rpm with the number of versions that stay.
set -eu
case "$1" in
remove | 0) ;;
*) exit 0 ;; # an upgrade
esac
if command -v systemctl >/dev/null; then
  # The sockets first: they would start the gateway again.
  units='originwarden-tenants.socket originwarden-admin.socket originwarden.service'
  if [ -d /run/systemd/system ]; then
    systemctl stop $units
  fi
  systemctl --quiet disable $units
fi
# A gateway that was started by hand. Its user could not be removed while it runs.
if command -v start-stop-daemon >/dev/null && getent passwd originwarden >/dev/null; then
  start-stop-daemon --stop --quiet --oknodo --retry 30 --user originwarden --exec /usr/bin/originwarden
fi
