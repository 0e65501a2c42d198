#!/usr/bin/env bash
# Measures the gateway's memory for clients that request long lists and read nothing.
# Usage: bench/readers.sh [WEB-INTEGRATIONS [READERS]], 100 and 20 by default.
# It fails if the memory grows by more than $MAX_GROWTH MB, 64 by default, or if
# another client gets no response.
source "$(dirname "$0")/gateway.sh"
build readers ./bench/readers
tokens='api: {rate_limits: {tier1: 0, tier2: 0}, tokens: ['
for role in admin reader; do
  tokens+="{subject: $role, tenant: bench, role: $role, sha256: $(printf %s "$role" | sha256sum | cut -d' ' -f1)},"
done
touch "$work/admin-token"
start_gateway "$(printf 'log: {level: error}\n%s]}' "$tokens")"
export ORIGINWARDEN_TOKEN=admin ORIGINWARDEN_READER=reader
"$work/readers" -gateway "$listen" -fill "${1:-100}"
kill "$gateway" && wait "$gateway" || true
# The list is not loaded again, so that memory freed after a load hides no growth.
hosts='hosts: [127.0.0.1], ' others='{id: other, hosts: [other.example], upstream: "http://127.0.0.1:1"}, '
start_gateway "$(printf 'log: {level: error}\ncache: {tenants: 1}\n%s]}' "$tokens")"
"$work/readers" -gateway "$listen" -pid "$gateway" -readers "${2:-20}" -max-growth "${MAX_GROWTH:-64}"
