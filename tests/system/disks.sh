#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several disks: sizes, serial numbers, read-only, discard; what is not written
# stays as it was.
# limit: 180
. "$(dirname "$0")/lib.sh"

for i in 1 2 3; do
	truncate -s $((i * 4))M "$TMP/d$i"
	echo "content $i" | dd of="$TMP/d$i" conv=notrunc status=none
done
md5sum <"$TMP/d2" >"$TMP/before"
timeout 150 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
	--append "console=ttyS0 quiet test=disks" --console "file=$TMP/log" \
	--disk "$TMP/d1,serial=first" --disk "$TMP/d2,readonly,serial=second" --disk "$TMP/d3"
rc=$?
[ $rc = 0 ] && ok "powered off" || bad "kvist ended with status $rc"
expect() { grep -aqE "$2" "$TMP/log" && ok "$1" || bad "$1"; }
expect "first disk" "^disk vda 8192 0 'first' content 1"
expect "second disk is read-only" "^disk vdb 16384 1 'second' content 2"
expect "third disk" "^disk vdc 24576 0 '.*' content 3"
expect "discard" "^disk vdc: discarded"
grep -aq "^disk vdb: written" "$TMP/log" && bad "a read-only disk was written"
md5sum <"$TMP/d2" | cmp -s - "$TMP/before" && ok "read-only disk unchanged" || bad "read-only disk changed"
[ "$(du -k "$TMP/d3" | cut -f1)" -lt 64 ] && ok "discard freed the host's blocks" || bad "discard freed nothing"
[ $BAD = 0 ] || tail -n 20 "$TMP/log"
exit $((BAD != 0))
