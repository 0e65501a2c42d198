#!/usr/bin/env bash
# Measures how soon a change made at one gateway is in force at the others, and how
# a burst of changes affects requests. Runs an etcd cluster of three members and
# three gateways on this machine, with their data on its disk.
# Usage: bench/fleet.sh [TENANTS [CHANGES [SECONDS]]], 10000, 1000 and 10 by default.
# It fails only if a change is lost or a request is not served. The times are
# meaningful only on an otherwise idle machine.
source "$(dirname "$0")/gateway.sh"
tenants=${1:-10000} changes=${2:-1000} seconds=${3:-10}

build originwarden ./cmd/originwarden
build tenant ./bench/tenant
build fleet ./bench/fleet
build member ./member store/etcd/etcdtest

# await_longer FILE PATTERN: like await, but waits longer, for a busy machine.
await_longer() {
  for _ in 1 2 3 4 5; do await "$1" "$2" 2>/dev/null && return; done
  await "$1" "$2"
}

# free_port: sets $port to an unused port below the range of outgoing connections.
taken=' '
free_port() {
  while :; do
    port=$((15000 + RANDOM % 15000))
    [[ $taken != *" $port "* ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  done
  taken+="$port "
}

initial='' endpoints=''
for i in 0 1 2; do
  free_port; peers[i]=http://127.0.0.1:$port initial+=,m$i=http://127.0.0.1:$port
  free_port; clients[i]=http://127.0.0.1:$port endpoints+=,127.0.0.1:$port
done
for i in 0 1 2; do
  "$work/member" -name "m$i" -dir "$work/m$i" -client "${clients[i]}" -peer "${peers[i]}" -initial "${initial#,}" -token "$work" \
    >"$work/m$i.out" 2>"$work/m$i.log" &
  started+=($!)
done
for i in 0 1 2; do await_longer "$work/m$i.out" ready >/dev/null; done

"$work/tenant" >"$work/tenant.out" &
started+=($!)
upstream=$(await "$work/tenant.out" :)
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
for i in 0 1 2; do
  {
    printf 'listen: 127.0.0.1:0\nadmin: {listen: "127.0.0.1:0"}\nlog: {access: false}\n'
    printf 'store: {url: "etcd://%s/fleet"}\n' "${endpoints#,}"
    printf 'cache: {snapshot_dir: "%s/g%d", tenants: %d}\n' "$work" "$i" "$tenants"
    printf 'api:\n  rate_limits: {tier1: 0, tier2: 0}\n'
    printf '  tokens: [{subject: fleet, tenant: "*", role: admin, sha256: "%s"}]\n' "$(printf %s "$token" | sha256sum | cut -d' ' -f1)"
    printf 'tenants:\n'
    awk -v n="$tenants" -v upstream="$upstream" 'BEGIN {
      for (i = 0; i < n; i++) printf "  - {id: t%d, hosts: [t%d.fleet.example], upstream: \"http://%s\"}\n", i, i, upstream }'
  } >"$work/g$i.yaml"
  "$work/originwarden" serve --config "$work/g$i.yaml" >"$work/g$i.out" 2>"$work/g$i.log" &
  started+=($!)
done
listening='' admins=''
for i in 0 1 2; do
  ready=$(await_longer "$work/g$i.out" '^originwarden ready')
  listening+=,$(sed 's/.*listen=\([^ ]*\).*/\1/' <<<"$ready")
  admins+=,$(sed 's/.*admin=\([^ ]*\).*/\1/' <<<"$ready")
done

ORIGINWARDEN_TOKEN=$token "$work/fleet" -gateways "${listening#,}" -admins "${admins#,}" \
  -tenants "$tenants" -changes "$changes" -duration "${seconds}s" || {
  tail -n 5 "$work"/g?.log | cut -c 1-300 >&2
  exit 1
}
