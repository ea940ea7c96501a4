#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# table.sh - the tests of this directory that are ordinary KVM clients, on the
# preload library and on this machine's /dev/kvm: one table.
#   tests/api/table.sh [-v]		-v: also what is equal
# Fails when one fails on the library. What a device does otherwise is shown
# only: it may be a newer kernel, or a paravirtual one.
set -u
cd "$(dirname "$0")/../.." || exit 1
PROGRAMS="fds signals calls run"
B=$PWD/build
make -s build/kvist build/libkvist-preload.so build/api/{fds,signals,calls,run} || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/kvist-api.XXXXXX")
trap 'rm -rf "$T"' EXIT

# results NAME COMMAND...: lines "program test ok|FAIL" of all programs.
results()
{
	local p arg

	for p in $PROGRAMS; do
		arg=
		[ $p != run ] || arg=kvm
		# shellcheck disable=SC2086
		"$@" timeout 100 "$B/api/$p" $arg 2>&1 | tee -a "$T/said" |
			sed -n "s/^\(ok\|FAIL\|pass\)  *\([a-z0-9_]*\).*/$p \2 \1/p" | sed 's/pass$/ok/'
	done
}

results build/kvist shim -- >"$T/shim"
cp "$T/said" "$T/said-shim"
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	results env >"$T/device"
fi
n=0 bad=0 other=0
while read -r p t r; do
	n=$((n + 1)) d=-
	[ ! -f "$T/device" ] || d=$(sed -n "s/^$p $t //p" "$T/device")
	[ "$r" = ok ] || bad=$((bad + 1))
	[ "$d" = ok ] || [ "$d" = - ] || other=$((other + 1))
	if [ "${1:-}" = -v ] || [ "$r" != ok ] || [ "${d:-FAIL}" = FAIL ]; then
		printf '%-8s %-46s %-5s %s\n' "$p" "$t" "$r" "${d:-FAIL}"
	fi
done <"$T/shim"
[ $bad = 0 ] || grep FAIL -B 1 "$T/said-shim"
echo "$n tests: $bad fail on the library, $other on the device"
[ $n -gt 50 ] && [ $bad = 0 ]
