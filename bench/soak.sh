#!/usr/bin/env bash
# Soak-tests the gateway with floods of refused requests, changes of lists, and
# WebSockets.
# Usage: bench/soak.sh [DURATION], ten minutes by default.
source "$(dirname "$0")/gateway.sh"
build soak ./bench/soak
start_gateway "$(printf 'log: {level: error}\napi: {rate_limits: {tier1: 0, tier2: 0}}')"
ORIGINWARDEN_TOKEN=$token "$work/soak" -gateway "http://$listen" -admin "http://$admin" -duration "${1:-10m}"
