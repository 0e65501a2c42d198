#!/usr/bin/env bash
# Measures a gateway with many tenants of an ids_file, each with a list of one origin:
# the time of a start and of reloads, and the resident memory after a start, after the
# reloads, and after a request to each tenant.
# Usage: bench/tenants.sh [TENANTS]. LISTS is the number of lists in memory, by default
# all. Run it on an idle machine.
source "$(dirname "$0")/gateway.sh"
tenants=${1:-100000}
lists=${LISTS:-$tenants}
build originwarden ./cmd/originwarden
seq -f 't%.0f' "$tenants" >"$work/ids.txt"
{
  at=2026-01-01T00:00:00Z
  printf '{"originwarden":"export","version":1,"exported":"%s"}\n' "$at"
  awk -v at="$at" '{
    printf "{\"tenant\":\"%s\"}\n", $1
    printf "{\"id\":\"%032d\",\"tenantId\":\"%s\",\"name\":\"app\",\"createdBy\":\"bench\",\"created\":\"%s\",\"lastUpdated\":\"%s\",\"validOrigins\":[\"https://app.%s.example\"]}\n", NR, $1, at, at, $1
  }' "$work/ids.txt"
  printf '{"end":true,"integrations":%d}\n' "$tenants"
} >"$work/lists.jsonl"
"$work/originwarden" import --store "sqlite:$work/lists.db" "$work/lists.jsonl" >/dev/null

# memory LABEL: prints the resident memory and its peak.
memory() {
  awk -v label="$1" '/^Vm(HWM|RSS)/ {kb[$1] = $2} END {printf "%-24s %4d MB resident, at most %d MB\n", label, kb["VmRSS:"] / 1000, kb["VmHWM:"] / 1000}' "/proc/$gateway/status"
}

others="{ids_file: '$work/ids.txt', hosts: ['{id}.example.com'], upstream: 'http://UPSTREAM'}, " \
  start_gateway "cache: {tenants: $((lists + 1))}
log: {level: error}"
printf '%d tenants, %d lists in memory\nstart                    %s s\n' "$tenants" "$lists" "$ready_after"
memory 'after the start'
for _ in 1 2 3 4 5; do
  curl -sf -o /dev/null -w 'reload                   %{time_total} s\n' -X POST -H "Authorization: Bearer $token" "http://$admin/reload"
done
memory 'after five reloads'
curl -sf -o /dev/null --proxy "http://$listen" "http://t[1-$tenants].example.com/" 2>/dev/null
memory 'after a request to each'
curl -sf -o /dev/null -w 'reload                   %{time_total} s\n' -X POST -H "Authorization: Bearer $token" "http://$admin/reload"
memory 'after another reload'
