#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two machines at once on one read-only disk; nobody may write to it meanwhile.
# limit: 240
# cpus: 2
. "$(dirname "$0")/lib.sh"
tiny_guest
head -c 4194304 /dev/urandom >"$TMP/disk"
sum=$(md5sum <"$TMP/disk" | cut -d' ' -f1)

pids=()
for i in 1 2; do
	timeout 200 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
		--append "console=ttyS0 $QUICK test=wait" --disk "$TMP/disk,readonly" --console "file=$TMP/log$i" 2>/dev/null &
	pids+=($!)
done
PIDS+=("${pids[@]}")
for i in 1 2; do
	wait_for 150 "${pids[i - 1]}" "$TMP/log$i" "^wait: $sum" && ok "machine $i reads the disk" || bad "machine $i: $(tail -n 3 "$TMP/log$i")"
done

# try WHAT ARGS...: a tiny machine; its status.
try() { timeout 60 "$KVIST" run --engine soft --memory 16M --kernel "$TINY" --append poweroff "$@" >/dev/null 2>"$TMP/err" </dev/null; }
try --disk "$TMP/disk"
rc=$?
[ $rc = 4 ] && grep -q 'in use' "$TMP/err" && ok "a writer is refused: $(cat "$TMP/err")" || bad "a writer: status $rc: $(cat "$TMP/err")"
ln "$TMP/disk" "$TMP/other-name"
try --disk "$TMP/other-name"
rc=$?
[ $rc = 4 ] && ok "by another name too" || bad "a writer by another name: status $rc"
try --disk "$TMP/disk,readonly" && ok "a third reader is welcome" || bad "a third reader: $(cat "$TMP/err")"
for i in 1 2; do
	wait "${pids[i - 1]}"
	rc=$?
	[ $rc = 0 ] && ok "machine $i powered off" || bad "machine $i: status $rc"
	[ "$(grep -ac "^wait: $sum" "$TMP/log$i")" = 2 ] && ok "machine $i read the same twice" || bad "machine $i: the disk changed"
done
try --disk "$TMP/disk" && ok "a writer is welcome afterwards" || bad "a writer afterwards: $(cat "$TMP/err")"
try --disk "$TMP/disk" --disk "$TMP/disk" && bad "one disk twice in one machine" || ok "one disk twice: $(cat "$TMP/err")"
exit $((BAD != 0))
