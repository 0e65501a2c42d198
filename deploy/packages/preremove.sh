#!/bin/sh
# Stops the gateway before its files are removed. Called by dpkg with "remove", and by
# rpm with the number of versions that stay.
set -eu
case "$1" in
remove | 0) ;;
*) exit 0 ;; # an upgrade
esac
command -v systemctl >/dev/null || exit 0
# The sockets first: they would start the gateway again.
units='originwarden-tenants.socket originwarden-admin.socket originwarden.service'
if [ -d /run/systemd/system ]; then
  systemctl stop $units
fi
systemctl --quiet disable $units
