#!/usr/bin/env bash
# Prints the alerts with links to the runbooks at URL, where you publish the files
# of docs/. With --kubernetes, prints them as a PrometheusRule.
# Usage: deploy/rules.sh [--kubernetes] URL
set -euo pipefail
rules="$(dirname "$0")/prometheus/rules/originwarden.yml"

kubernetes=
[ "${1-}" != --kubernetes ] || { kubernetes=yes; shift; }
url=${1-}
[[ $# -eq 1 && $url =~ ^https?://[A-Za-z0-9._~:/@%?=+-]+$ ]] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }

indent=
if [ "$kubernetes" ]; then
  cat <<YAML
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: originwarden
  labels: {app.kubernetes.io/name: originwarden}
spec:
YAML
  indent='  '
fi
sed "s|runbook_url: docs/|runbook_url: ${url%/}/|; s/^./$indent&/" "$rules"
