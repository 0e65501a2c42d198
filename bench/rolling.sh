#!/usr/bin/env bash
# Restarts two gateways behind HAProxy, one after the other, under load by wrk. No
# request may fail. HAProxy does not retry requests that it has sent.
# Usage: bench/rolling.sh [ROUNDS]. Needs haproxy and wrk.
source "$(dirname "$0")/gateway.sh"
rounds=${1:-2}
build originwarden ./cmd/originwarden
build tenant ./bench/tenant
"$work/tenant" >"$work/tenant.out" &
started+=($!)
tenant=$(await "$work/tenant.out" :)

# serve NAME: starts a gateway, at its previous addresses if any, and sets its pid.
declare -A pid listens admins
serve() {
  cat >"$work/$1.yaml" <<YAML
listen: ${listens[$1]:-127.0.0.1:0}
admin: {listen: "${admins[$1]:-127.0.0.1:0}"}
tenants: [{id: bench, upstream: "http://$tenant"}]
store: {url: "sqlite:$work/$1.db"}
timeouts: {shutdown_delay: 2s, drain: 20s}
log: {access: false}
fast_lane: ${FAST_LANE:-true}
YAML
  : >"$work/$1.out"
  "$work/originwarden" serve --config "$work/$1.yaml" >"$work/$1.out" 2>>"$work/$1.log" &
  pid[$1]=$!
  started+=("${pid[$1]}")
  ready=$(await "$work/$1.out" '^originwarden ready')
  listens[$1]=$(sed 's/.*listen=\([^ ]*\).*/\1/' <<<"$ready")
  admins[$1]=$(sed 's/.*admin=\([^ ]*\).*/\1/' <<<"$ready")
}
serve a
serve b

port=$((20000 + RANDOM % 10000))
cat >"$work/haproxy.cfg" <<CFG
global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  retries 3
  option redispatch
  retry-on conn-failure
frontend in
  bind 127.0.0.1:$port
  default_backend gateways
backend gateways
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 200ms fall 2 rise 2
  server a ${listens[a]} check addr 127.0.0.1 port ${admins[a]##*:}
  server b ${listens[b]} check addr 127.0.0.1 port ${admins[b]##*:}
CFG
haproxy -f "$work/haproxy.cfg" >"$work/haproxy.out" 2>&1 &
started+=($!)
for _ in $(seq 100); do curl -sf "http://127.0.0.1:$port/" >/dev/null && break || sleep 0.1; done

wrk -t1 -c32 -d $((rounds * 14 + 4))s --latency "http://127.0.0.1:$port/" >"$work/wrk.out" &
load=$!
started+=("$load")
for _ in $(seq "$rounds"); do
  for name in a b; do
    sleep 2
    kill -TERM "${pid[$name]}"
    wait "${pid[$name]}" || { echo "gateway $name exited with $?"; cat "$work/$name.log"; exit 1; }
    serve "$name"
    sleep 1
  done
done
wait "$load"
cat "$work/wrk.out"
if grep -qE 'Non-2xx|Socket errors' "$work/wrk.out"; then
  echo 'requests failed'
  exit 1
fi
echo "$((rounds * 2)) restarts, no failed request"
