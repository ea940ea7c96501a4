#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - every guest program gives the same output natively and as a guest of
# the software engine.
. "$(dirname "$0")/../system/lib.sh"

make -C "$TOP" -s guest-progs || exit 1
for native in "$BUILD"/guest-prog/*.native; do
	name=$(basename "$native" .native)
	"$native" >"$TMP/native" || bad "$name: natively: status $?"
	timeout 60 "$KVIST" run --engine soft --kernel "${native%.native}.elf" --memory 64M --debug-exit \
		--console "file=$TMP/guest" >"$TMP/err" 2>&1 </dev/null
	rc=$?
	if [ $rc != 1 ]; then
		bad "$name: kvist ended with status $rc, not 1 (debug exit 0): $(head -c 300 "$TMP/err")"
	elif ! tr -d '\r' <"$TMP/guest" | cmp -s - "$TMP/native"; then
		bad "$name: results differ"
		diff <(tr -d '\r' <"$TMP/guest") "$TMP/native" | head -n 6
	else
		ok "$name"
	fi
done
exit $((BAD != 0))
