#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the tests of the PostgreSQL store need: the server's programs and
# PgBouncer. What is there already stays, and no service is started by it. It ends
# with 1, and one sentence, if something cannot be had.

set -eu

has() { command -v "$1" >/dev/null 2>&1; }

# The same folders as in find.go.
has_postgres() {
	has initdb && return
	for program in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
		[ -x "$program" ] && return
	done
	return 1
}

has_bouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

missing() {
	echo "the PostgreSQL store is not tested: $1" >&2
	exit 1
}

packages=
has_postgres || packages="postgresql"
has_bouncer || packages="$packages pgbouncer"
if [ -n "$packages" ] && has apt-get; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	if [ -z "$sudo" ] || $sudo true 2>/dev/null; then
		echo "installing $packages" >&2
		# The packages would start servers of their own; this forbids it meanwhile.
		policy=/usr/sbin/policy-rc.d
		if [ ! -e "$policy" ]; then
			trap '$sudo rm -f "$policy"' EXIT
			printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
			$sudo chmod 755 "$policy"
		fi
		{ $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >/dev/null || true
	fi
fi
has_postgres || missing "install the PostgreSQL server (https://www.postgresql.org/download), with initdb on the PATH, and run make tools again"
has_bouncer || missing "install PgBouncer (https://www.pgbouncer.org), with pgbouncer on the PATH, and run make tools again"
