#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# exits.sh - what leaving a guest costs on kvist's modules and on upstream's, in
# instructions of the host: the same program (exits.c) on both, each in a machine
# whose SVM QEMU emulates and whose clock counts instructions.
. "$(dirname "$0")/../bed/lib.sh"

bed_icount
gcc -O2 -o "$TMP/exits" "$(dirname "$0")/exits.c" || exit 1
bed_program "$TMP/exits"

# measure NAME: with the modules that were added.
measure()
{
	bed_run 500 1 <<'END'
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo "exits: start"; exits; echo "exits: status $?"
END
	sed -n '/^exits: start/,/^exits: status/p' "$TMP/out" | grep -v '^exits: start' >"$TMP/$1"
	grep -q '^exits: status 0' "$TMP/$1" || { bad "$1"; tail -n 20 "$TMP/out"; }
}

bed_debian_module kvm-amd
measure upstream
bed_no_modules
bed_kvist_modules
measure kvist

echo "$(date -u +%F), host instructions an exit, median of 9"
printf '%-12s %10s %10s %7s\n' exit kvm-amd kvist ratio
grep -v '^exits:' "$TMP/upstream" | while read -r name ticks; do
	awk -v n="$name" -v u="$ticks" '$1 == n { printf "%-12s %10d %10d %7.2f\n", n, u, $2, $2 / u }' "$TMP/kvist"
done
exit $((BAD != 0))
