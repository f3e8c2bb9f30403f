#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Puts the plugin into a folder of plugins: install.sh FOLDER. It needs the
# system's Python with grpcio and protobuf, such as Debian's python3-grpcio and
# python3-protobuf, which become the plugin's own; only the standard library stays
# the system's.

set -eu
cd "$(dirname "$0")"
python=/usr/bin/python3
ask() { "$python" -Esc "import google.protobuf, grpc, os, sysconfig; print($1)"; }
ask 'grpc.__version__' >/dev/null 2>&1 || { echo "install grpcio and protobuf for $python: apt-get install python3-grpcio python3-protobuf" >&2; exit 1; }
to=$1/credhost-plugin-acme-python
rm -rf "$to"
mkdir -p "$to"
cp -R main.py egress.py ../../schemas/plugin/v1/plugin.binpb \
	"$(ask 'os.path.dirname(os.path.dirname(google.protobuf.__file__))')" "$(ask 'os.path.dirname(grpc.__file__)')" "$to"
sed "s|/usr/lib/python3.11|$(ask 'sysconfig.get_path("stdlib")')|; s|$python|$(readlink -f "$python")|" plugin.json >"$to/plugin.json"
chmod -R go-w "$to"
