# SPDX-License-Identifier: Apache-2.0
#
# What the tools.sh of the folders have in common; they read it with ".". Each sets
# $untested first: what is not tested if something cannot be had.

has() { command -v "$1" >/dev/null 2>&1; }

has_node() { has node && has npm && [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ]; }

# Chromium, under any of the names under which it is installed.
has_chromium() {
	[ -n "${CREDHOST_CHROMIUM:-}" ] && return
	for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable chrome; do
		has "$name" && return
	done
	[ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] || [ -x /Applications/Chromium.app/Contents/MacOS/Chromium ]
}

missing() {
	echo "$untested: $1" >&2
	exit 1
}

# advise says what to do after a check has failed: has_x || advise "get x".
advise() { missing "$1, and run make tools again"; }

advise_node() { advise "install Node.js 20 or newer with npm (https://nodejs.org)"; }

advise_chromium() { advise "install Chromium or Chrome, or name it in CREDHOST_CHROMIUM"; }

# install has apt install packages, where there is apt and one may use it. What
# could not be installed is missing afterwards.
install() {
	[ $# -gt 0 ] && has apt-get || return 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo="sudo -n"
	[ -z "$sudo" ] || $sudo true 2>/dev/null || return 0
	echo "installing $*" >&2
	# A server's package would start a server; this forbids it meanwhile.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		trap '$sudo rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
		$sudo chmod 755 "$policy"
	fi
	$sudo apt-get update >/dev/null || true
	for package; do # the shell of Chromium, where it has a package, is the same engine and enough
		shift
		[ "$package" = chromium ] && apt-cache show chromium-headless-shell >/dev/null 2>&1 && package=chromium-headless-shell
		set -- "$@" "$package"
	done
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >/dev/null || true
}

# npm_install FOLDER [OPTION...] installs its packages in exactly the versions of
# its lock file. npm keeps a copy of the lock file that it installed.
npm_install() {
	folder=$1
	shift
	[ ! -e "$folder/node_modules/.package-lock.json" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ] || return 0
	(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >&2) || advise "npm cannot install the packages of $folder"
}

# go_fetch FOLDER fetches the modules of the module there. Listing takes exactly
# those that building takes, of all that go.mod names.
go_fetch() {
	GOWORK=off ${GO:-go} -C "$1" list -mod=readonly -deps . >/dev/null || advise "go cannot fetch the modules of $1"
}
