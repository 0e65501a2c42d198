#!/usr/bin/env bash
# Tests the alerts of deploy/ with Prometheus and a gateway under load. It breaks, one
# after the other, the tenant, the configuration, the directory of the lists on disk,
# the store's space, the store, the issuer of tokens, the certificate and the gateway
# itself. Each time, exactly the expected alerts must fire, and then end. Only the
# times are shorter than in deploy/. Takes about three minutes.
# Usage: bench/alerts.sh. Needs Debian's prometheus, wrk, curl and openssl.
source "$(dirname "$0")/gateway.sh"
build originwarden ./cmd/originwarden
build tenant ./bench/tenant
build member ./member store/etcd/etcdtest
started_at=$(date +%s)
say() { printf '%3ds  %s\n' "$(($(date +%s) - started_at))" "$*"; }
fail() { say "$*"; tail -n 5 "$work"/*.log; exit 1; }

"$work/tenant" >"$work/tenant.out" &
tenant=$!
started+=("$tenant")
trap 'kill -CONT "$tenant" 2>/dev/null || true; cleanup' EXIT # a stopped process does not handle SIGTERM
upstream=$(await "$work/tenant.out" :)

port=$((20000 + RANDOM % 10000))
start_member() {
  "$work/member" -dir "$work/etcd" -client "http://127.0.0.1:$port" -peer "http://127.0.0.1:$((port + 1))" \
    -initial "m0=http://127.0.0.1:$((port + 1))" -quota 8388608 >"$work/member.out" 2>"$work/member.log" &
  member=$!
  started+=("$member")
  await "$work/member.out" '^ready' >/dev/null
}
start_member

certificate() { # DAYS
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days "$1" \
    -keyout "$work/key.new" -out "$work/cert.new" 2>/dev/null
  mv "$work/key.new" "$work/key.pem"
  mv "$work/cert.new" "$work/cert.pem"
}
certificate 90

write_configuration() { # MORE
  cat >"$work/originwarden.yaml" <<YAML
listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
tenants:
  - {id: acme, upstream: "http://$upstream", upstream_check: {path: /, interval: 1s, timeout: 500ms}}
tls: {cert: $work/cert.pem, key: $work/key.pem}
store: {url: "etcd://127.0.0.1:$port/originwarden"}
cache: {snapshot_dir: "$work/lists"}
api:
  tokens: [{subject: ops, tenant: "*", role: admin, sha256: $(printf alerts | sha256sum | cut -d' ' -f1)}]
  oidc: {issuer: "http://127.0.0.1:1", audience: nobody} # unreachable
timeouts: {upstream_response: 2s}
log: {access: false}
$1
YAML
}
write_configuration ''
"$work/originwarden" serve --config "$work/originwarden.yaml" >"$work/gateway.out" 2>"$work/gateway.log" &
gateway=$!
started+=("$gateway")
ready=$(await "$work/gateway.out" '^originwarden ready')
listen=$(sed 's/.*listen=\([^ ]*\).*/\1/' <<<"$ready")
admin=$(sed 's/.*admin=\([^ ]*\).*/\1/' <<<"$ready")
token=alerts
curl -sfk "https://$listen/api/v1/web-integrations" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  -d '{"name":"bench","validOrigins":["https://listed.example"]}' >/dev/null

mkdir -p "$work/prometheus/rules"
sed 's/15s/1s/; s/originwarden:9090/'"$admin"'/' deploy/prometheus/prometheus.yml >"$work/prometheus/prometheus.yml"
sed 's/^\( *for:\) .*/\1 4s/; s/\[5m\]/[8s]/g; s/\[2m\]/[3s]/g; s/> 300$/> 10/' deploy/prometheus/rules/originwarden.yml >"$work/prometheus/rules/originwarden.yml"
watcher=127.0.0.1:$((port + 2))
prometheus --config.file="$work/prometheus/prometheus.yml" --storage.tsdb.path="$work/prometheus/data" \
  --enable-feature=native-histograms --web.listen-address="$watcher" 2>"$work/prometheus.log" &
started+=($!)

# alerts STATE: prints the alerts that are in STATE, pending or firing.
alerts() {
  curl -sf "http://$watcher/api/v1/query" --data-urlencode "query=ALERTS{alertstate=\"$1\"}" |
    grep -o '"alertname":"[^"]*"' | cut -d'"' -f4 | sort -u | paste -sd' ' || true
}
# expect_alerts [ALERT...]: waits until exactly these alerts have been firing for a
# while, and prints each change until then.
expect_alerts() {
  local want=$* firing pending seen=- same=0
  for _ in $(seq 120); do
    firing=$(alerts firing) pending=$(alerts pending)
    if [ "$firing/$pending" != "$seen" ]; then
      seen=$firing/$pending
      say "  firing: ${firing:--}  pending: ${pending:--}"
    fi
    for name in $firing; do
      [[ " $want $before " == *" $name "* ]] || fail "$name fires"
    done
    if [ "$firing" = "$want" ] && [ -z "$pending" ]; then
      same=$((same + 1))
    else
      same=0
    fi
    [ "$same" -lt 6 ] || { before=$want; return 0; }
    sleep 0.25
  done
  fail "firing instead of exactly ${want:-no alert}: ${firing:--}"
}
# expect_allowed: fails unless a request of a listed origin succeeds.
expect_allowed() {
  local status
  status=$(curl -sk -o /dev/null -w '%{http_code}' -H 'Origin: https://listed.example' "https://$listen/")
  [ "$status" = 200 ] || fail "status $status for a listed origin, want 200"
}
before=''

# Prometheus discovers targets only some seconds after its start.
for _ in $(seq 200); do
  curl -sf "http://$watcher/api/v1/query?query=up==1" | grep -q '"metric":{' && break || sleep 0.1
done
sleep 3
nice -n 19 wrk -t1 -c4 -d300s -H 'Origin: https://listed.example' "https://$listen/" >"$work/wrk.out" &
started+=($!)
say 'no problem'
expect_alerts
expect_allowed

say 'the tenant stops'
kill -STOP "$tenant"
expect_alerts OriginwardenTenantDown OriginwardenTenantFailing
say 'the tenant continues'
kill -CONT "$tenant"
expect_alerts
expect_allowed

say 'the configuration has a mistake'
write_configuration 'nonsense: 1'
kill -HUP "$gateway"
expect_alerts OriginwardenReloadFailed
expect_allowed
say 'the mistake is fixed'
write_configuration ''
kill -HUP "$gateway"
expect_alerts

say 'the lists cannot be written to disk'
rm -r "$work/lists"
touch "$work/lists"
expect_alerts OriginwardenSnapshotFailing
expect_allowed
say 'the lists can be written again'
rm "$work/lists"
expect_alerts

# etcd COMMAND JSON: sends a request to the etcd member.
etcd() { curl -s "http://127.0.0.1:$port/v3/$1" -d "$2"; }
say 'the store has no space'
printf '{"key":"ZmlsbA==","value":"%s"}' "$(head -c 300000 /dev/zero | base64 -w0)" >"$work/fill.json"
for _ in $(seq 100); do
  [[ $(etcd kv/put "@$work/fill.json") != *'space exceeded'* ]] || break
done
response=$(curl -sk "https://$listen/api/v1/web-integrations" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"name":"more"}')
[[ $response == *'The write was not made: the store has no space left.'* ]] || fail "unexpected response of the API: $response"
expect_alerts OriginwardenWritesFail
expect_allowed
curl -sf "http://$admin/readyz" | grep -q '"ready":true.*"writeProblem":"no_space"' || fail "$(curl -s "http://$admin/readyz")"
say 'the store has space again'
read -r id revision <<<"$(etcd kv/range '{"key":"ZmlsbA==","keys_only":true}' | sed 's/.*"member_id":"\([0-9]*\)", *"revision":"\([0-9]*\)".*/\1 \2/')"
for step in "kv/compaction {\"revision\":$revision,\"physical\":true}" 'maintenance/defragment {}' "maintenance/alarm {\"action\":\"DEACTIVATE\",\"memberID\":\"$id\",\"alarm\":\"NOSPACE\"}"; do
  etcd "${step%% *}" "${step#* }" >/dev/null
done
expect_alerts
curl -sfk "https://$listen/api/v1/web-integrations" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"name":"more"}' >/dev/null
expect_allowed

say 'the store ends'
kill -KILL "$member"
wait "$member" 2>/dev/null || true
expect_alerts OriginwardenListsStale OriginwardenStoreUnreachable
expect_allowed
say 'the store is back'
start_member
expect_alerts
expect_allowed

say 'the issuer of a token is unreachable'
while :; do
  curl -sk -o /dev/null -H 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.e30' "https://$listen/api/v1/web-integrations" || true
  sleep 0.2
done &
requests=$!
started+=("$requests")
expect_alerts OriginwardenAPIFailing
kill "$requests"
say 'no more requests with its tokens'
expect_alerts
say 'the certificate expires soon'
certificate 3
expect_alerts OriginwardenCertificateExpiring
say 'the certificate is renewed'
certificate 90
expect_alerts
expect_allowed

say 'the gateway ends'
kill -TERM "$gateway"
wait "$gateway" || fail "it exited with $?"
expect_alerts OriginwardenDown
say 'every alert fired when it should, and ended'
