#!/usr/bin/env bash
# What becomes of requests while their tenant is killed and started again, and
# when it closes its idle connections. Usage: bench/retries.sh [FLAGS], which are
# those of bench/retries. It fails when more than 10 GETs of 20,000 fail, or any
# POST does or arrives twice.
source "$(dirname "$0")/gateway.sh"
go build -o "$work/retries" ./bench/retries
start_gateway 'log: {level: error}'
kill "${started[0]}" && wait "${started[0]}" || true # the first tenant: others follow at its address
"$work/retries" -gateway "$listen" -tenant "$tenant" -program "$work/tenant" "$@"
