#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests against real OAuth servers need: Node.js, Chromium, the
# packages of internal/realoauth/node in exactly the versions of its lock file, and
# the modules of internal/testidp in those of its go.sum. What is there already
# stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/../.."
untested="credhost is not tried against real OAuth servers"
. internal/tools/need.sh

packages=
has_node || packages="nodejs npm"
has_chromium || packages="$packages chromium"
install $packages
has_node || advise_node
has_chromium || advise_chromium
npm_install internal/realoauth/node
go_fetch internal/testidp
