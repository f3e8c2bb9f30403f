#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the clients that the proxy is tested with: curl, Python with requests,
# Node.js with undici in exactly the version of the lock file, and Chromium. What
# is there already stays. It ends with 1, and one sentence, if something cannot be
# had.

set -eu
cd "$(dirname "$0")"

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

has_requests() { /usr/bin/python3 -Esc 'import requests' 2>/dev/null; }

missing() {
	echo "the proxy is not tested with real clients: $1" >&2
	exit 1
}

packages=
has curl || packages="curl"
has_requests || packages="$packages python3-requests"
has_node || packages="$packages nodejs npm"
has_chromium || packages="$packages chromium"
if [ -n "$packages" ] && has apt-get; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
		echo "installing $packages" >&2
		{ $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $packages; } >/dev/null || true
	fi
fi
has curl || missing "install curl (https://curl.se), and run make tools again"
has_requests || missing "install requests for /usr/bin/python3, and run make tools again"
has_node || missing "install Node.js 20 or newer with npm (https://nodejs.org), and run make tools again"
has_chromium || missing "install Chromium or Chrome, or name it in CREDHOST_CHROMIUM, and run make tools again"

# npm keeps a copy of the lock file that it installed.
if [ ! -e node/node_modules/.package-lock.json ] || [ node/package-lock.json -nt node/node_modules/.package-lock.json ]; then
	(cd node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || missing "npm cannot install the packages of host/proxy/node; run make tools again"
fi
