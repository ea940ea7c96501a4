#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 at random moments of a writing guest, 50 times: the disk's journal
# replays, the file system is whole, and what the guest had synced is there.
# limit: 900
# cpus: 2
. "$(dirname "$0")/lib.sh"

ROUNDS=${KILL9_ROUNDS:-50}

# one N: a boot, a kill, a look. Its own disk and console.
one()
{
	local n=$1 disk=$TMP/disk$1 log=$TMP/log$1 pid last

	truncate -s 32M "$disk"
	mke2fs -q -t ext4 -J size=4 "$disk"
	"$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
		--append "console=ttyS0 $QUICK test=crash" --disk "$disk" --console "file=$log" 2>/dev/null &
	pid=$!
	echo $pid >"$TMP/pid$n"
	if ! wait_for 400 $pid "$log" '^synced 0'; then
		echo "not ok: round $n: the guest did not start writing"
		kill -9 $pid
		return 1
	fi
	sleep "$((RANDOM % 3)).$((RANDOM % 1000))"
	kill -9 $pid
	wait $pid 2>/dev/null
	last=$(grep -a '^synced' "$log" | tail -n 1 | tr -dc '0-9')
	e2fsck -p "$disk" >"$TMP/fsck$n" 2>&1
	if [ $? -gt 1 ] || ! e2fsck -fn "$disk" >>"$TMP/fsck$n" 2>&1; then
		echo "not ok: round $n: file system damaged after file $last"
		cat "$TMP/fsck$n"
		return 1
	fi
	if ! { echo "file $last"; head -c $((last % 7 * 9000 + 100)) /dev/zero | tr '\0' "$((last % 10))"; } |
	     cmp -s - <(debugfs -R "cat /f$last" "$disk" 2>/dev/null); then
		echo "not ok: round $n: file $last was synced and is gone"
		return 1
	fi
	echo "ok: round $n: killed after file $last$(grep -q 'recovering journal' "$TMP/fsck$n" && echo ', journal replayed')"
	rm -f "$disk"
}

stop_all() { for f in "$TMP"/pid*; do [ -f "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null; done; finish; }
trap stop_all EXIT

# Three at a time: some sleep.
for ((n = 1; n <= ROUNDS; n++)); do
	[ "$(jobs -rp | wc -l)" -lt 3 ] || wait -n
	one $n >"$TMP/out$n" &
done
wait
cat "$TMP"/out*
good=$(cat "$TMP"/out* | grep -c '^ok')
replayed=$(cat "$TMP"/out* | grep -c 'journal replayed')
echo "$good of $ROUNDS rounds good, $replayed with a journal to replay"
[ "$good" = "$ROUNDS" ] && [ "$replayed" -gt 0 ]
