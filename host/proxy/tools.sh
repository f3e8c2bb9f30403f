#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the clients that the proxy is tested with: curl, Python with requests,
# Node.js with undici in exactly the version of the lock file, and Chromium. What
# is there already stays. It ends with 1, and one sentence, if something cannot be
# had.

set -eu
cd "$(dirname "$0")/../.."
untested="the proxy is not tested with real clients"
. internal/tools/need.sh

has_requests() { /usr/bin/python3 -Esc 'import requests' 2>/dev/null; }

packages=
has curl || packages="curl"
has_requests || packages="$packages python3-requests"
has_node || packages="$packages nodejs npm"
has_chromium || packages="$packages chromium"
install $packages
has curl || advise "install curl (https://curl.se)"
has_requests || advise "install requests for /usr/bin/python3"
has_node || advise_node
has_chromium || advise_chromium
npm_install host/proxy/node
