#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong input gets one clear line and a non-zero exit, at once, and nothing is
# left half-done.
# limit: 120
. "$(dirname "$0")/lib.sh"

# refused NAME PATTERN ARGS...
refused()
{
	local name=$1 pattern=$2 rc lines

	shift 2
	timeout 20 "$KVIST" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	rc=$?
	lines=$(wc -l <"$TMP/err")
	if [ $rc = 0 ] || [ $rc -ge 124 ]; then
		bad "$name: exit status $rc"
	elif [ "$lines" != 1 ]; then
		bad "$name: $lines lines instead of one: $(head -c 400 "$TMP/err")"
	elif ! grep -qiE "$pattern" "$TMP/err"; then
		bad "$name: unclear: $(cat "$TMP/err")"
	else
		ok "$name: $(cat "$TMP/err")"
	fi
}

K=$G/vmlinuz
R=(run --engine soft --console "file=$TMP/console")
truncate -s 1M "$TMP/disk"
head -c 100000 "$K" >"$TMP/truncated"
head -c 300000 /dev/urandom >"$TMP/noise"
: >"$TMP/empty"
printf '\177ELF' >"$TMP/elf"
mkdir "$TMP/dir"

refused "no command" "usage|command" </dev/null
refused "unknown command" "frobnicate" frobnicate
refused "unknown option" "bogus" run --bogus
refused "no kernel" "kernel" run --engine soft
refused "missing image" "no such file" "${R[@]}" --kernel "$TMP/none"
refused "directory as image" "directory" "${R[@]}" --kernel "$TMP/dir"
refused "truncated image" "truncated|short|incomplete" "${R[@]}" --kernel "$TMP/truncated"
refused "not a kernel" "not a kernel|no kernel|bzImage" "${R[@]}" --kernel "$TMP/noise"
refused "empty image" "empty|not a kernel|truncated|short" "${R[@]}" --kernel "$TMP/empty"
refused "header alone" "truncated|short|not a kernel" "${R[@]}" --kernel "$TMP/elf"
refused "missing initrd" "no such file" "${R[@]}" --kernel "$K" --initrd "$TMP/none"
refused "missing disk" "no such file" "${R[@]}" --kernel "$K" --disk "$TMP/none"
refused "directory as a disk" "directory" "${R[@]}" --kernel "$K" --disk "$TMP/dir"
refused "empty disk" "empty|size" "${R[@]}" --kernel "$K" --disk "$TMP/empty"
refused "unknown disk option" "colour" "${R[@]}" --kernel "$K" --disk "$TMP/disk,colour=red"
refused "too little memory" "memory" "${R[@]}" --kernel "$K" --memory 4M
refused "senseless memory" "memory" "${R[@]}" --kernel "$K" --memory lots
refused "no CPU" "cpus" "${R[@]}" --kernel "$K" --cpus 0
refused "too many CPUs" "cpus" "${R[@]}" --kernel "$K" --cpus 17
refused "unknown engine" "engine" run --engine steam --kernel "$K"
refused "unknown network" "net" "${R[@]}" --kernel "$K" --net pigeons
refused "bad forward" "hostfwd" "${R[@]}" --kernel "$K" --net user,hostfwd=tcp:x
refused "missing tap" "tap" "${R[@]}" --kernel "$K" --net tap=doesnotexist0
refused "console in a missing directory" "no such file" run --engine soft --kernel "$K" --console "file=$TMP/none/x"

# A port in use.
PORT=$(free_port)
busybox httpd -f -p "127.0.0.1:$PORT" -h "$TMP/dir" &
PIDS+=($!)
sleep 0.3
refused "port in use" "in use" "${R[@]}" --kernel "$K" --net "user,hostfwd=tcp:127.0.0.1:$PORT-:80"

# A disk that another kvist has; a second reader is welcome.
"$KVIST" "${R[@]}" --kernel "$K" --append "console=ttyS0" --disk "$TMP/disk" >/dev/null 2>&1 &
first=$!
PIDS+=("$first")
wait_for 20 "$first" "$TMP/console" "Linux version" || bad "the first kvist did not start"
refused "disk locked by another kvist" "in use|locked" run --engine soft --kernel "$K" \
	--console "file=$TMP/console2" --disk "$TMP/disk"
refused "locked disk, read-only" "in use|locked" run --engine soft --kernel "$K" \
	--console "file=$TMP/console2" --disk "$TMP/disk,readonly"
kill "$first"
wait "$first" 2>/dev/null

exit $((BAD != 0))
