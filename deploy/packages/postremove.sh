#!/bin/sh
# Called by dpkg with "remove" or "purge", and by rpm with the number of versions that
# stay. rpm has no purge: there the lists and the user stay.
set -eu
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
[ "$1" = purge ] || exit 0
rm -rf /var/lib/originwarden
# A user that stays owns nothing any more. userdel may be missing, or fail because of a
# process of the user.
if getent passwd originwarden >/dev/null; then
  userdel originwarden || echo 'originwarden: the user originwarden was not removed' >&2
fi
if getent group originwarden >/dev/null; then
  groupdel originwarden || echo 'originwarden: the group originwarden was not removed' >&2
fi
