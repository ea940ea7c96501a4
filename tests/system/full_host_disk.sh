#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A full host disk gives the guest I/O errors; the machine lives on.
# limit: 180
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" != inside ]; then
	exec unshare --user --map-root-user --mount "$0" inside
fi
mkdir "$TMP/small"
mount -t tmpfs -o size=8M small "$TMP/small" || { echo "no tmpfs in a user namespace"; exit 77; }
truncate -s 64M "$TMP/small/disk"
timeout 150 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
	--append "console=ttyS0 $QUICK test=fill" --disk "$TMP/small/disk" --console "file=$TMP/log"
rc=$?
[ $rc = 0 ] && ok "the guest powered off" || bad "kvist ended with status $rc"
grep -aq '^fill: error' "$TMP/log" && ok "the guest saw an error" || bad "no error seen"
grep -aq '^fill: still reads' "$TMP/log" && ok "the disk still reads" || bad "the disk is dead"
[ $BAD = 0 ] || tail -n 20 "$TMP/log"
umount "$TMP/small"
exit $((BAD != 0))
