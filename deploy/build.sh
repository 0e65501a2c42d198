#!/bin/sh
# Builds the static binary. Usage: deploy/build.sh OUTPUT. GOOS and GOARCH say
# what for; the Go command's own defaults are this machine's.
set -eu
cd "$(dirname "$0")/.."
CGO_ENABLED=0 exec go build -trimpath -ldflags='-s -w' -o "$1" ./cmd/originwarden
