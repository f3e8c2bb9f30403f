#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetches what the tests against a real ACME server need: the modules of
# internal/testacme in the versions of its go.sum. It ends with 1, and one
# sentence, if they cannot be had.

set -eu
cd "$(dirname "$0")/../testacme"
GOWORK=off ${GO:-go} list -mod=readonly -deps . >/dev/null || {
	echo "credhost obtains no certificates from a real ACME server: go cannot fetch the modules of internal/testacme; run make tools again" >&2
	exit 1
}
