#!/usr/bin/env bash
# Counts failed requests while their tenant is killed and restarted, and while it
# closes idle connections. Usage: bench/retries.sh [FLAGS], with the flags of
# bench/retries. It fails if more than 10 of 20,000 GETs fail, or if any POST fails
# or arrives twice.
source "$(dirname "$0")/gateway.sh"
build retries ./bench/retries
start_gateway 'log: {level: error}'
kill "${started[0]}" && wait "${started[0]}" || true # the first tenant; bench/retries starts others at its address
"$work/retries" -gateway "$listen" -tenant "$tenant" -program "$work/tenant" "$@"
