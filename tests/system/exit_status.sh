#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The exit status says how the run ended, as `kvist --help` documents.
# limit: 200
. "$(dirname "$0")/lib.sh"
tiny_guest

# ends WHAT STATUS LINES ARGS...: kvist's messages beside the engine's are LINES.
ends()
{
	local what=$1 want=$2 lines=$3 rc n

	shift 3
	timeout 100 "$KVIST" run --engine soft --memory 128M "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	rc=$?
	n=$(grep -vc '^kvist: engine soft' "$TMP/err")
	[ $rc = "$want" ] && ok "$what: $rc" || bad "$what: status $rc, not $want: $(cat "$TMP/err")"
	[ "$n" = "$lines" ] || bad "$what: $n lines instead of $lines: $(cat "$TMP/err")"
}

T=(--kernel "$TINY")
ends "power-off" 0 0 "${T[@]}" --append poweroff
ends "reset, port cf9" 8 1 "${T[@]}" --append reset
# With --reboot it starts again each time; the console file has all of it.
timeout 20 "$KVIST" run --engine soft --memory 128M "${T[@]}" --append reset --reboot \
	--console file="$TMP/log" >/dev/null 2>&1 &
pid=$!
for ((i = 0; i < 150; i++)); do
	[ "$(grep -ac . "$TMP/log" 2>/dev/null)" -ge 4 ] && break
	sleep 0.1
done
kill $pid
wait $pid
[ "$(grep -ac . "$TMP/log")" -ge 4 ] && ok "reset with --reboot" || bad "no second start: $(cat "$TMP/log")"
ends "reset, keyboard controller" 8 1 "${T[@]}" --append kbd-reset
ends "reset, port 92" 8 1 "${T[@]}" --append fast-reset
ends "triple fault" 6 1 "${T[@]}" --append crash
ends "debug exit of 0" 1 0 "${T[@]}" --debug-exit --append 0
ends "debug exit of 1" 3 0 "${T[@]}" --debug-exit --append 1
ends "debug exit of 127" 255 0 "${T[@]}" --debug-exit --append 127
ends "debug exit of 128" 1 0 "${T[@]}" --debug-exit --append 128
ends "several CPUs" 0 0 "${T[@]}" --append poweroff --cpus 4
ends "no such kernel" 4 1 --kernel "$TMP/none"
ends "usage" 2 1 "${T[@]}" --cpus many
ends "help" 0 0 --help

# Without --debug-exit the port is not there: the guest goes on.
timeout 2 "$KVIST" run --engine soft --memory 16M "${T[@]}" --append 1 >/dev/null 2>&1 </dev/null
[ $? = 124 ] && ok "no debug exit unless asked for" || bad "debug exit without --debug-exit"

# Linux reboots when it panics: no root file system here.
ends "panic=-1" 8 1 --kernel "$G/vmlinuz" --append "console=ttyS0 quiet panic=-1"
grep -aq 'Kernel panic' "$TMP/out" && ok "the panic is on the console" || bad "no panic on the console"

for sig in TERM INT HUP; do
	# A shell's background job ignores SIGINT, and so do its children.
	python3 - "$KVIST" "$TINY" $sig <<'END' && ok "SIG$sig: 10" || bad "SIG$sig"
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
p = subprocess.Popen([sys.argv[1], "run", "--engine", "soft", "--memory", "16M", "--kernel", sys.argv[2]],
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
p.stdout.readline()
p.send_signal(getattr(signal, "SIG" + sys.argv[3]))
sys.exit(p.wait(30) != 10)
END
done

# The other commands.
"$KVIST" --version | grep -qE '^kvist [0-9]+\.[0-9]' && ok "--version" || bad "--version"
"$KVIST" --help | grep -q '^exit status:' && ok "--help" || bad "--help"
"$KVIST" info >/dev/full 2>"$TMP/err"
[ $? = 4 ] && ok "output that cannot be written is an error" || bad "info >/dev/full: $(cat "$TMP/err")"
exit $((BAD != 0))
