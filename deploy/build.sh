#!/bin/sh
# Builds the static binary. Usage: deploy/build.sh OUTPUT. Set GOOS and GOARCH to
# build for another platform.
set -eu
cd "$(dirname "$0")/.."
CGO_ENABLED=0 exec go build -trimpath -ldflags='-s -w' -o "$1" ./cmd/originwarden
