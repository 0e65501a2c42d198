# Sourced by the other scripts here: builds the gateway and a tenant in $work, and
# starts both on loopback. All processes that it started end with the script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
started=()
cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# await FILE PATTERN: waits for a line in FILE that matches PATTERN, and prints it.
await() {
  for _ in $(seq 200); do
    if line=$(grep -m1 -E "$2" "$1" 2>/dev/null); then
      printf '%s\n' "$line"
      return
    fi
    sleep 0.05
  done
  echo "no $2 in $1" >&2
  return 1
}

# build NAME PACKAGE [MODULE]: builds $work/NAME. If PROGRAMS names a directory, it keeps
# the programs for other scripts, which then need not link them again.
build() {
  local kept=${PROGRAMS:-$work}
  go build -C "${3:-.}" -o "$kept/$1" "$2"
  [ "$kept" = "$work" ] || ln -sf "$kept/$1" "$work/$1"
}

# start_gateway CONFIGURATION: sets $listen, $admin, $gateway, $token and the
# seconds $ready_after. $others
# adds tenants, in which UPSTREAM is the address of the tenant's server; $hosts sets
# the tenant's hosts, instead of all. FAST_LANE=false has everything served by
# net/http.
start_gateway() {
  build originwarden ./cmd/originwarden
  build tenant ./bench/tenant
  "$work/tenant" >"$work/tenant.out" &
  started+=($!)
  tenant=$(await "$work/tenant.out" :)
  {
    printf 'listen: 127.0.0.1:0\nadmin: {listen: "127.0.0.1:0"}\n'
    others=${others:-}
    printf 'tenants: [%s{id: bench, %supstream: "http://%s"}]\n' "${others//UPSTREAM/$tenant}" "${hosts:-}" "$tenant"
    printf 'store: {url: "sqlite:%s/lists.db"}\nfast_lane: %s\n' "$work" "${FAST_LANE:-true}"
    printf '%s\n' "$1"
  } >"$work/originwarden.yaml"
  launched=$(date +%s.%N)
  "$work/originwarden" serve --config "$work/originwarden.yaml" >"$work/gateway.out" 2>"$work/gateway.log" &
  gateway=$!
  started+=("$gateway")
  ready=$(await "$work/gateway.out" '^originwarden ready')
  ready_after=$(awk "BEGIN {print $(date +%s.%N) - $launched}")
  listen=$(sed 's/.*listen=\([^ ]*\).*/\1/' <<<"$ready")
  admin=$(sed 's/.*admin=\([^ ]*\).*/\1/' <<<"$ready")
  token=$(cat "$work/admin-token")
}

# list ORIGIN: creates a web integration that lists ORIGIN, and prints its id.
list() {
  curl -sf "http://$listen/api/v1/web-integrations" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -d "{\"name\":\"bench\",\"validOrigins\":[\"$1\"]}" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p'
}
