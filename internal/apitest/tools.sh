#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of the HTTP API need: curl, Node.js, and the packages of
# internal/apitest/node in exactly the versions of its lock file. What is there
# already stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/node"

has() { command -v "$1" >/dev/null 2>&1; }

has_node() { has node && has npm && [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ]; }

missing() {
	echo "no client is made of the OpenAPI document: $1" >&2
	exit 1
}

packages=
has_node || packages="nodejs npm"
has curl || packages="$packages curl"
if [ -n "$packages" ] && has apt-get; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
		echo "installing $packages" >&2
		{ $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $packages; } >/dev/null || true
	fi
fi
has curl || missing "install curl, and run make tools again"
has_node || missing "install Node.js 20 or newer with npm (https://nodejs.org), and run make tools again"

# npm keeps a copy of the lock file that it installed.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || missing "npm cannot install the packages of internal/apitest/node; run make tools again"
fi
