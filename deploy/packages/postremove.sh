#!/bin/sh
# Called by dpkg with "remove" or "purge", and by rpm with the number of versions that
# stay. rpm has no purge: there the lists and the user stay.
set -eu
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
[ "$1" = purge ] || exit 0
rm -rf /var/lib/originwarden
if getent passwd originwarden >/dev/null; then
  userdel originwarden
fi
if getent group originwarden >/dev/null; then
  groupdel originwarden
fi
