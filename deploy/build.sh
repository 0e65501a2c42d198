#!/bin/sh
# Builds the static binary. Usage: deploy/build.sh OUTPUT. Set GOOS and GOARCH to
# build for another platform. The same commit gives the same bytes in any directory:
# .goreleaser.yaml builds releases with the same flags. In a clone, the version is
# that of the tag, and in a source tree without .git there is none.
set -eu
cd "$(dirname "$0")/.."
CGO_ENABLED=0 exec go build -trimpath -buildvcs=true -ldflags="$(cat deploy/ldflags)" -o "$1" ./cmd/originwarden
