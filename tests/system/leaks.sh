#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nothing of a run stays behind, however it ended; too few descriptors or too
# little memory from the host is one clear line.
# limit: 120
. "$(dirname "$0")/lib.sh"
tiny_guest
mkdir "$TMP/tmp" "$TMP/cwd"
truncate -s 1M "$TMP/disk"
export TMPDIR=$TMP/tmp
cd "$TMP/cwd" || exit 1

# What there is of ours: files, processes (the kernel's path is in $TMP), sockets.
cp "$TINY" "$TMP/tiny.elf"
look()
{
	find "$TMP/tmp" "$TMP/cwd" | sort
	ls "$TMP"
	ps -e -o args= | grep -F "kvist run" | grep -F "$TMP"
	grep -F "$TMP" /proc/net/unix
}
touch "$TMP/out" "$TMP/err" "$TMP/log" "$TMP/before" "$TMP/after"
look >"$TMP/before"

# clean WHAT STATUS ARGS...
clean()
{
	local what=$1 want=$2 rc

	shift 2
	timeout 30 setsid -w "$KVIST" run --engine soft --kernel "$TMP/tiny.elf" --memory 32M "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	rc=$?
	look >"$TMP/after"
	if [ $rc != "$want" ]; then
		bad "$what: status $rc: $(cat "$TMP/err")"
	elif ! cmp -s "$TMP/before" "$TMP/after"; then
		bad "$what: left behind: $(diff "$TMP/before" "$TMP/after")"
	else
		ok "$what"
	fi
}

ALL=(--disk "$TMP/disk" --net user --cpus 4 --console "socket=$TMP/sock")
clean "power-off" 0 --append poweroff "${ALL[@]}"
clean "crash" 6 --append crash "${ALL[@]}"
clean "debug exit" 3 --append 1 --debug-exit "${ALL[@]}"
clean "pty" 0 --append poweroff --console pty
clean "missing second disk" 4 "${ALL[@]}" --disk "$TMP/none"
clean "bad forward" 4 "${ALL[@]}" --net user,hostfwd=tcp:1.2.3.4:1-:1
clean "missing tap" 4 "${ALL[@]}" --net tap=doesnotexist0
(
	"$KVIST" run --engine soft --kernel "$TMP/tiny.elf" --memory 32M "${ALL[@]}" >/dev/null 2>&1 &
	sleep 1
	kill $!
	wait $!
) 2>/dev/null
look | cmp -s - "$TMP/before" && ok "SIGTERM" || bad "SIGTERM: left behind: $(look | diff "$TMP/before" -)"

# scarce WHAT PATTERN LIMIT ARGS...: one line and status 4.
scarce()
{
	local what=$1 pattern=$2 limit=$3 rc n

	shift 3
	timeout 30 prlimit "$limit" "$KVIST" run --engine soft --kernel "$TMP/tiny.elf" --append poweroff "$@" \
		>"$TMP/out" 2>"$TMP/err" </dev/null
	rc=$?
	n=$(grep -vc '^kvist: engine' "$TMP/err")
	[ $rc = 4 ] && [ "$n" = 1 ] && grep -qE "$pattern" "$TMP/err" && ok "$what: $(tail -n 1 "$TMP/err")" ||
		bad "$what: status $rc: $(cat "$TMP/err")"
	look | cmp -s - "$TMP/before" || bad "$what: left behind: $(look | diff "$TMP/before" -)"
}

for n in {4..24} 32; do
	scarce "$n descriptors" "[Tt]oo many open files" "--nofile=$n" --memory 32M --cpus 16 --net user \
		--disk "$TMP/disk" --console "socket=$TMP/sock"
done
# With one CPU the devices' come into it; what is enough is for them to say.
PORT=$(free_port)
for n in {7..40}; do
	timeout 30 prlimit --nofile=$n "$KVIST" run --engine soft --kernel "$TMP/tiny.elf" --append poweroff \
		--memory 32M --net user,hostfwd=tcp:127.0.0.1:$PORT-:1 --disk "$TMP/disk" --console "socket=$TMP/sock" \
		>"$TMP/out" 2>"$TMP/err" </dev/null
	rc=$?
	lines=$(grep -v '^kvist: engine' "$TMP/err")
	case $rc:$lines in
	0:) ok "$n descriptors, one CPU: enough" ;;
	4:*[Tt]oo\ many\ open\ files) [ "$(echo "$lines" | wc -l)" = 1 ] && ok "$n descriptors, one CPU: $lines" || bad "$n descriptors: $lines" ;;
	*) bad "$n descriptors, one CPU: status $rc: $lines" ;;
	esac
	look | cmp -s - "$TMP/before" || bad "$n descriptors: left behind: $(look | diff "$TMP/before" -)"
done
[ $rc = 0 ] || bad "40 descriptors are not enough for one CPU"
scarce "little address space" "[Mm]emory" --as=1000000000 --memory 4G
scarce "hardly any address space" "[Mm]emory" --as=80000000 --memory 96M
scarce "more than an address space" "[Mm]emory" --as=unlimited --memory 200000G
scarce "no room for files" "[Ff]ile too large|[Mm]emory" --fsize=1000000 --memory 64M
exit $((BAD != 0))
