#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of the PostgreSQL store need: the server's programs and
# PgBouncer. What is there already stays, and no service is started by it. It ends
# with 1, and one sentence, if something cannot be had.

set -eu
cd "$(dirname "$0")/../.."
untested="the PostgreSQL store is not tested"
. internal/tools/need.sh

# The same folders as in find.go.
has_postgres() {
	has initdb && return
	for program in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
		[ -x "$program" ] && return
	done
	return 1
}

has_bouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

packages=
has_postgres || packages="postgresql"
has_bouncer || packages="$packages pgbouncer"
install $packages
has_postgres || advise "install the PostgreSQL server (https://www.postgresql.org/download), with initdb on the PATH"
has_bouncer || advise "install PgBouncer (https://www.pgbouncer.org), with pgbouncer on the PATH"
