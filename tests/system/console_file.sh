#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Both consoles in a file, whole, whatever was in it before.
# limit: 400
. "$(dirname "$0")/lib.sh"
head -c 1000000 /dev/zero >"$TMP/log"
timeout 380 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
	--append "console=ttyS0 console=hvc0 quiet test=consoles noinput" --console "file=$TMP/log"
rc=$?
[ $rc = 0 ] && ok "powered off" || bad "kvist ended with status $rc"
grep -aq $'^serial: hello\r$' "$TMP/log" && ok "serial output" || bad "no serial output"
[ "$(grep -ac 'many lines of virtio-console' "$TMP/log")" = 2000 ] && ok "2000 lines" || bad "lines are missing"
[ "$(head -c 100 "$TMP/log" | tr -d '\0' | wc -c)" = 100 ] && ok "what was in the file is gone" || bad "the file was not emptied"

# Not a file of ours: a pipe whose reader leaves.
tiny_guest
mkfifo "$TMP/fifo"
head -c 5 <"$TMP/fifo" >"$TMP/five" &
reader=$!
timeout 20 "$KVIST" run --engine soft --kernel "$TINY" --append poweroff --memory 16M --console "file=$TMP/fifo" 2>/dev/null
rc=$?
[ $rc = 0 ] && ok "a pipe whose reader leaves" || bad "a pipe whose reader leaves: status $rc"
kill $reader 2>/dev/null
timeout 20 "$KVIST" run --engine soft --kernel "$TINY" --append poweroff --memory 16M --console "file=/dev/full" 2>/dev/null
rc=$?
[ $rc = 0 ] && ok "a full console" || bad "a full console: status $rc"
exit $((BAD != 0))
