#!/usr/bin/env bash
# Measures how slow headers, slow bodies and slow readers affect other clients:
# compares their 99th percentile with that of the idle gateway just before. The
# attack runs at low priority, as if it came from another machine.
# Usage: bench/slowhttp.sh [SECONDS]
# Needs slowhttptest. It fails only if other clients are not served. The times are
# meaningful only on an otherwise idle machine.
source "$(dirname "$0")/gateway.sh"
seconds=${1:-10}
start_gateway 'log: {access: false}'
build latency ./bench/latency

# p99 SECONDS: the 99th percentile, in microseconds, of four clients that send 400
# requests per second.
p99() { "$work/latency" -duration "${1}s" "http://$listen/" | cut -d' ' -f2; }

p99 2 >/dev/null # warm up
for mode in H B X; do
  case $mode in
    H) name=headers extra='-i 5' ;;
    B) name=bodies extra='-i 5 -s 8192' ;;
    X) name=readers extra='-w 10 -y 20 -n 5 -z 32 -k 3' ;;
  esac
  quiet=$(p99 "$seconds")
  # shellcheck disable=SC2086
  nice -n 19 slowhttptest -$mode -c 1000 -r 500 -l $((seconds + 4)) -p 3 $extra -u "http://$listen/" >"$work/slow-$mode.out" 2>&1 &
  attack=$!
  started+=("$attack")
  sleep 4 # until the connections are open
  open=$(find "/proc/$gateway/fd" -lname 'socket:*' | wc -l)
  slow=$(p99 "$seconds")
  printf '%-8s p99 %6d µs, quiet %6d µs: %s times  (%d sockets open)\n' "$name" "$slow" "$quiet" "$(awk "BEGIN { printf \"%.2f\", $slow / $quiet }")" "$open"
  wait "$attack" || true
  sleep 2 # until the last of them are closed
done
