#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the plugins in other languages need: Node.js with the packages of
# examples/node, in exactly the versions of its lock file, and Python with Debian's
# grpcio and protobuf; and systemd, whose systemd-analyze reads the examples' units. What
# is there already stays. It ends with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/.."
untested="the plugins in other languages, or the units, are not tested"
. internal/tools/need.sh

has_python() { /usr/bin/python3 -Esc 'import google.protobuf, grpc' 2>/dev/null; }

has_systemd() { [ "$(uname)" != Linux ] || has systemd-analyze; }

packages=
has_node || packages="nodejs npm"
has_python || packages="$packages python3-grpcio python3-protobuf"
has_systemd || packages="$packages systemd"
install $packages
has_node || advise_node
has_python || advise "install grpcio and protobuf for /usr/bin/python3"
has_systemd || advise "install systemd"
npm_install examples/node --omit=dev
