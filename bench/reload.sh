#!/usr/bin/env bash
# Reloads a gateway's configuration a hundred times under load by wrk, each time
# with another mode. No request may fail.
# Usage: bench/reload.sh [TIMES]. Needs wrk.
source "$(dirname "$0")/gateway.sh"
times=${1:-100}
start_gateway 'log: {access: false}'
list https://listed.example >/dev/null
cat >"$work/origin.lua" <<'LUA'
wrk.headers["Origin"] = "https://listed.example"
LUA

wrk -t1 -c32 -d $((times / 5 + 4))s -s "$work/origin.lua" --latency "http://$listen/" >"$work/wrk.out" &
load=$!
started+=("$load")
sleep 1
for n in $(seq "$times"); do
  mode=enforce
  [ $((n % 2)) = 0 ] || mode=headers
  sed -i "s/{id: bench,.*upstream/{id: bench, mode: $mode, upstream/" "$work/originwarden.yaml"
  kill -HUP "$gateway"
  sleep 0.2
done
wait "$load"
cat "$work/wrk.out"
curl -s "http://$admin/metrics" | grep -E '^originwarden_config_(reloads_total|last_reload_successful)'
succeeded=$(curl -s "http://$admin/metrics" | sed -n 's/^originwarden_config_reloads_total{outcome="ok"} //p')
[ "$succeeded" = "$times" ] || { echo "$succeeded of $times reloads succeeded"; exit 1; }
if grep -qE 'Non-2xx|Socket errors' "$work/wrk.out"; then
  echo 'requests failed'
  exit 1
fi
echo "$times reloads, no failed request"
