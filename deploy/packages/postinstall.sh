#!/bin/sh
# Called by dpkg with "configure" and the previous version, if there was one, and by
# rpm with the number of installed versions. It starts nothing.
set -eu
case "$1" in
configure) previous=${2:-} ;;
1) previous= ;;
[2-9]) previous=$1 ;;
*) exit 0 ;; # dpkg undoes a failed operation
esac

systemd-sysusers originwarden.conf
# The configuration may contain secrets.
config=/etc/originwarden/originwarden.yaml
if [ -e $config ] && [ "$(stat -c %G $config)" = root ]; then
  chgrp originwarden $config
fi
install -d -o originwarden -g originwarden -m 0700 /var/lib/originwarden
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi

if [ -z "$previous" ]; then
  cat <<'END'
originwarden is installed, and not started. Name your API in
/etc/originwarden/originwarden.yaml. Then start it:
  systemctl enable --now originwarden
END
else
  cat <<'END'
originwarden is updated. A running gateway is still the previous version until:
  systemctl restart originwarden
END
fi
