# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - for tests of the whole program. Sourced; makes $TMP and cleans up.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

KVIST=${KVIST:-$BUILD/kvist}
G=$BUILD/guest
TMP=$(mktemp -d "${TMPDIR:-/tmp}/kvist-test.XXXXXX")
PIDS=() BAD=0
# For guests whose kernel is not what is looked at: it leaves out tests of itself,
# half of the way to init.
QUICK="quiet cryptomgr.notests rodata=off"

finish()
{
	local p

	for p in "${PIDS[@]}"; do
		{ kill -9 "$p" && wait "$p"; } 2>/dev/null
	done
	rm -rf "$TMP"
}
trap finish EXIT
trap 'exit 143' TERM INT

# The guest tests/guest/tiny.c, as $TINY.
tiny_guest()
{
	TINY=$BUILD/guest-prog/tiny.elf
	make -C "$TOP" --no-print-directory -s build/guest-prog/tiny.elf || exit 1
}

bad() { echo "not ok: $*"; BAD=$((BAD + 1)); }
ok() { echo "ok: $*"; }

# wait_for SECONDS PID FILE PATTERN: until a line of FILE matches; 1 when time
# is up or the process has ended without it.
wait_for()
{
	local end=$((SECONDS + $1))

	while ! grep -aqE "$4" "$3" 2>/dev/null; do
		if [ $SECONDS -ge $end ] || ! kill -0 "$2" 2>/dev/null; then
			grep -aqE "$4" "$3" 2>/dev/null
			return
		fi
		sleep 0.2
	done
}
