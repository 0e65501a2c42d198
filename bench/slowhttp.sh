#!/usr/bin/env bash
# What other clients notice of slow headers, slow bodies and slow readers: their
# 99th percentile beside that of the quiet gateway just before. The attack yields
# the processors to everybody else, as one from another machine would.
# Usage: bench/slowhttp.sh [SECONDS]
# Needs slowhttptest. It fails only when other clients are not served: times are
# for reading, on a machine that does nothing else.
source "$(dirname "$0")/gateway.sh"
seconds=${1:-10}
start_gateway 'log: {access: false}'
go build -o "$work/latency" ./bench/latency

# p99 of four clients that ask 400 times a second, in microseconds.
p99() { "$work/latency" -duration "${1}s" "http://$listen/" | cut -d' ' -f2; }

p99 2 >/dev/null # warm
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
  sleep 4 # until the connections are there
  open=$(find "/proc/$gateway/fd" -lname 'socket:*' | wc -l)
  slow=$(p99 "$seconds")
  printf '%-8s p99 %6d µs, quiet %6d µs: %s times  (%d sockets open)\n' "$name" "$slow" "$quiet" "$(awk "BEGIN { printf \"%.2f\", $slow / $quiet }")" "$open"
  wait "$attack" || true
  sleep 2 # until the last of them are gone
done
