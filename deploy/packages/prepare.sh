#!/bin/sh
# Writes what archives and packages contain besides the binary, to
# deploy/packages/generated: man pages, completions, and the unit with the paths of
# the packages. Usage: prepare.sh TIME, the date of the pages in Unix seconds.
set -eu
cd "$(dirname "$0")"
: "${1:?}"
rm -rf generated
mkdir -p generated/systemd
SOURCE_DATE_EPOCH=$1 go run -trimpath ./manual generated
cp ../systemd/*.socket generated/systemd/
sed 's|/usr/local/bin/|/usr/bin/|' ../systemd/originwarden.service >generated/systemd/originwarden.service
