#!/usr/bin/env bash
# Checks all of deploy/ that can be checked without a container engine, a cluster
# or a running systemd. Usage: deploy/check.sh, as root, because it uses chroot and
# installs Debian packages.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== deploy: %s\n' "$*"; }
need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null && return
  step "installing $2"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
need promtool prometheus
need systemd-analyze systemd
need ip iproute2

step 'rules and configuration, with promtool'
promtool check config prometheus/prometheus.yml
promtool test rules prometheus/rules/originwarden_test.yml

step 'queries of the dashboard and the alerts, with Prometheus'
ORIGINWARDEN_PROMETHEUS=required go test -count=1 -run Prometheus .

# The program of the unit does not exist on this machine.
step 'the unit, with systemd-analyze'
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
cp systemd/*.service systemd/*.socket "$units"
sed -i 's|^ExecStart=/usr/local/bin/originwarden |ExecStart=/bin/true |' "$units/originwarden.service"
verify() { # IGNORED
  local problems
  problems=$(systemd-analyze verify "$units"/*.service "$units"/*.socket 2>&1 | grep -vF "$1" || true)
  [ -z "$problems" ] || { printf '%s\n' "$problems"; exit 1; }
}
verify nothing
systemd-analyze security --offline=true --threshold=20 "$units/originwarden.service" 2>&1 | tail -n 1
cp -r systemd/originwarden.service.d "$units"
# systemd before 253 does not know the type in the drop-in; all else must be valid.
version=$(systemctl --version | awk 'NR == 1 { print $2 }')
ignored=nothing
[ "${version%%[!0-9]*}" -ge 253 ] || ignored='Failed to parse service type, ignoring: notify-reload'
verify "$ignored"

step 'chart, compose.yaml and Dockerfile'
cd check
go mod tidy -diff
go vet ./...
go test -count=1 ./...
