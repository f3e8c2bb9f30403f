#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests against real OAuth servers need: Node.js, Chromium, the
# packages of internal/realoauth/node in exactly the versions of its lock file, and
# the modules of internal/testidp in those of its go.sum. What is there already
# stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/node"

has() { command -v "$1" >/dev/null 2>&1; }

# chromium: any of the names under which it is installed.
has_chromium() {
	[ -n "${CREDHOST_CHROMIUM:-}" ] && return
	for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
		has "$name" && return
	done
	[ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || [ -x /Applications/Chromium.app/Contents/MacOS/Chromium ]
}

has_node() { has node && has npm && [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ]; }

missing() {
	echo "credhost is not tried against real OAuth servers: $1" >&2
	exit 1
}

packages=
has_node || packages="nodejs npm"
has_chromium || packages="$packages chromium"
if [ -n "$packages" ] && has apt-get; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
		echo "installing $packages" >&2
		{ $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $packages; } >/dev/null || true
	fi
fi
has_node || missing "install Node.js 20 or newer with npm (https://nodejs.org), and run make tools again"
has_chromium || missing "install Chromium or Chrome, or name it in CREDHOST_CHROMIUM, and run make tools again"

# npm keeps a copy of the lock file that it installed.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || missing "npm cannot install the packages of internal/realoauth/node; run make tools again"
fi

# Listing takes exactly the modules that building takes, of all that go.mod names.
cd ../../testidp
GOWORK=off ${GO:-go} list -mod=readonly -deps . >/dev/null || missing "go cannot fetch the modules of internal/testidp; run make tools again"
