#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Puts the plugin into a folder of plugins: install.sh FOLDER. The packages of its
# lock file are installed first, if they are not.

set -eu
cd "$(dirname "$0")"
[ -e node_modules/.package-lock.json ] || npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
to=$1/credhost-plugin-acme-node
rm -rf "$to"
mkdir -p "$to"
cp -R main.mjs egress.mjs package.json node_modules ../../schemas/plugin/v1/plugin.proto "$to"
sed "s|/usr/bin/node|$(readlink -f "$(command -v node)")|" plugin.json >"$to/plugin.json"
find "$to/node_modules" \( -name '*.ts' -o -name '*.map' -o -name '*.md' -o -name .bin \) -prune -exec rm -rf {} + # nothing that runs
chmod -R go-w "$to"
