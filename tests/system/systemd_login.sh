#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's own init reaches its login prompt on the software engine.
# limit: 600
. "$(dirname "$0")/lib.sh"
cp --sparse=always "$G/root.ext4" "$TMP/disk"
"$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --append "console=ttyS0" \
	--disk "$TMP/disk" --net user --cpus 2 --memory 512M --console "file=$TMP/console" &
pid=$!
PIDS+=("$pid")
if wait_for 580 "$pid" "$TMP/console" 'login: *$'; then
	ok "login prompt after $SECONDS s"
else
	bad "no login prompt after $SECONDS s"
	tail -n 30 "$TMP/console"
fi
exit $((BAD != 0))
