#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# auto takes /dev/kvm only where VT-x or AMD-V is behind it, and says what it
# took and why; kvm without a usable device is one clear line.
# limit: 60
. "$(dirname "$0")/lib.sh"
tiny_guest

HW=
grep -qw -m1 vmx /proc/cpuinfo && HW=VT-x
grep -qw -m1 svm /proc/cpuinfo && HW=AMD-V
run() { timeout 20 "$KVIST" run --engine "$1" --kernel "$TINY" --memory 16M --append poweroff >/dev/null 2>"$TMP/err" </dev/null; }

run auto
rc=$?
line=$(cat "$TMP/err")
if [ -n "$HW" ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	want="^kvist: engine kvm (.*$HW"
elif [ -n "$HW" ]; then
	want="^kvist: engine soft (.*$HW.*/dev/kvm"
else
	want="^kvist: engine soft (.*neither VT-x nor AMD-V"
fi
[ $rc = 0 ] && [ "$(wc -l <"$TMP/err")" = 1 ] && grep -q "$want" "$TMP/err" && ok "auto: $line" || bad "auto: status $rc: $line"
picked=$(sed -n 's/^kvist: engine \([a-z]*\).*/\1/p' "$TMP/err")

"$KVIST" info >"$TMP/info" || bad "info: status $?"
grep -q "^auto picks *$picked (" "$TMP/info" && ok "info and run agree" || bad "info: $(cat "$TMP/info")"
grep -qE '^software +KVM API 12' "$TMP/info" && ok "info: the software engine" || bad "info: no software engine"
grep -q "^hardware *${HW:-neither VT-x nor AMD-V}" "$TMP/info" && ok "info: hardware" || bad "info: hardware: $(cat "$TMP/info")"
grep -q '^/dev/kvm ' "$TMP/info" && ok "info: /dev/kvm" || bad "info: no line on /dev/kvm"

# without_device SCRIPT: in a mount namespace, where /dev can be something else.
ns=(unshare --mount)
[ "$(id -u)" = 0 ] || ns=(unshare --user --map-root-user --mount)
without_device()
{
	what=$1 pattern=$2
	"${ns[@]}" bash -c "$3"' && exec timeout 20 "$@"' - "$KVIST" run --engine kvm --kernel "$TINY" --memory 16M \
		--append poweroff >/dev/null 2>"$TMP/err" </dev/null
	rc=$?
	[ $rc = 4 ] && [ "$(wc -l <"$TMP/err")" = 1 ] && grep -qE "$pattern" "$TMP/err" && ok "$what: $(cat "$TMP/err")" ||
		bad "$what: status $rc: $(cat "$TMP/err")"
}
if "${ns[@]}" mount -t tmpfs none /mnt 2>/dev/null; then
	without_device "no /dev/kvm" "/dev/kvm.*[Nn]o such file" 'mount -t tmpfs none /dev'
	if [ -e /dev/kvm ]; then
		without_device "something else in its place" "/dev/kvm" 'mount --bind /dev/null /dev/kvm'
	fi
else
	echo "no mount namespace here: --engine kvm without a device is not tested"
fi
# As a user without rights to it.
if [ "$(id -u)" = 0 ] && [ -e /dev/kvm ] && [ "$(stat -c %a /dev/kvm)" != 666 ]; then
	cp "$KVIST" "$TINY" "$TMP/"
	chmod 755 "$TMP"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$TMP/kvist" run --engine kvm \
		--kernel "$TMP/tiny.elf" >/dev/null 2>"$TMP/err" </dev/null
	rc=$?
	[ $rc = 4 ] && [ "$(wc -l <"$TMP/err")" = 1 ] && grep -qE "/dev/kvm.*[Pp]ermission denied" "$TMP/err" &&
		ok "no rights: $(cat "$TMP/err")" || bad "no rights: status $rc: $(cat "$TMP/err")"
fi
exit $((BAD != 0))
