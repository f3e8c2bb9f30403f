#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the plugins in other languages need: Node.js with the packages of
# examples/node, in exactly the versions of its lock file, and Python with Debian's
# grpcio and protobuf; and systemd, whose systemd-analyze reads the examples' units. What
# is there already stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")"

has() { command -v "$1" >/dev/null 2>&1; }

has_node() { has node && has npm && [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ]; }

has_python() { /usr/bin/python3 -Esc 'import google.protobuf, grpc' 2>/dev/null; }

has_systemd() { [ "$(uname)" != Linux ] || has systemd-analyze; }

missing() {
	echo "the plugins in other languages, or the units, are not tested: $1" >&2
	exit 1
}

packages=
has_node || packages="nodejs npm"
has_python || packages="$packages python3-grpcio python3-protobuf"
has_systemd || packages="$packages systemd"
if [ -n "$packages" ] && has apt-get; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
		echo "installing $packages" >&2
		{ $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $packages; } >/dev/null || true
	fi
fi
has_node || missing "install Node.js 20 or newer with npm (https://nodejs.org), and run make tools again"
has_python || missing "install grpcio and protobuf for /usr/bin/python3, and run make tools again"
has_systemd || missing "install systemd, and run make tools again"

# npm keeps a copy of the lock file that it installed.
if [ ! -e node/node_modules/.package-lock.json ] || [ node/package-lock.json -nt node/node_modules/.package-lock.json ]; then
	(cd node && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || missing "npm cannot install the packages of examples/node; run make tools again"
fi
