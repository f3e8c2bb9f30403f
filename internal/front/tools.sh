#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetches what the tests against a real ACME server need: the modules of
# internal/testacme in the versions of its go.sum. It ends with 1, and one
# sentence, if they cannot be had.

set -eu
cd "$(dirname "$0")/../.."
untested="credhost obtains no certificates from a real ACME server"
. internal/tools/need.sh

go_fetch internal/testacme
