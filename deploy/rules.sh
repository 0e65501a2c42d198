#!/usr/bin/env bash
# Prints the alerts with links to the runbooks at URL, where you publish the files
# of docs/. On Kubernetes, the chart does the same.
# Usage: deploy/rules.sh URL
set -euo pipefail
rules="$(dirname "$0")/prometheus/rules/originwarden.yml"

url=${1-}
[[ $# -eq 1 && $url =~ ^https?://[A-Za-z0-9._~:/@%?=+-]+$ ]] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }

sed "s|runbook_url: docs/|runbook_url: ${url%/}/|" "$rules"
