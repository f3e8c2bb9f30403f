#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of the HTTP API need: curl, Node.js, and the packages of
# internal/apitest/node in exactly the versions of its lock file. What is there
# already stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/../.."
untested="no client is made of the OpenAPI document"
. internal/tools/need.sh

packages=
has_node || packages="nodejs npm"
has curl || packages="$packages curl"
install $packages
has curl || advise "install curl (https://curl.se)"
has_node || advise_node
npm_install internal/apitest/node
