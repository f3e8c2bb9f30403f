#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of forms need: Node.js, Chromium, and the packages of
# internal/formtest/node in exactly the versions of its lock file. What is there
# already stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/../.."
untested="the forms are not tested in the real libraries"
. internal/tools/need.sh

packages=
has_node || packages="nodejs npm"
has_chromium || packages="$packages chromium fonts-noto-core"
install $packages
has_node || advise_node
has_chromium || advise_chromium
npm_install internal/formtest/node
