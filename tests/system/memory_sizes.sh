#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Memory below and above the hole under 4 GiB, with 1 to 4 CPUs; what the guest
# puts into it stays, and the host gives it only what it touched.
# limit: 500
# cpus: 2
. "$(dirname "$0")/lib.sh"

# boot MIB CPUS TOUCH: and looks at what the guest saw.
boot()
{
	local mib=$1 cpus=$2 touch=$3 log=$TMP/log$1 rc total

	timeout 240 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory "${mib}M" \
		--cpus "$cpus" --append "console=ttyS0 $QUICK test=memory touch=$touch" --console "file=$log" 2>/dev/null
	rc=$?
	[ $rc = 0 ] && ok "$mib MiB, $cpus CPUs: powered off" || bad "$mib MiB: status $rc"
	total=$(sed -n 's/^memory: total \([0-9]*\).*/\1/p' "$log")
	# The kernel keeps some for itself; the more, the more there is.
	[ "${total:-0}" -gt $((mib * 1024 * 90 / 100)) ] && [ "$total" -lt $((mib * 1024)) ] &&
		ok "$mib MiB: MemTotal $total kB" || bad "$mib MiB: MemTotal ${total:-unknown} kB"
	grep -aq "^memory: wrote $touch" "$log" && ok "$mib MiB: $touch MiB touched" || bad "$mib MiB: could not touch $touch MiB"
	grep -aq "^memory: cpus $cpus" "$log" && ok "$mib MiB: $cpus CPUs" || bad "$mib MiB: not $cpus CPUs"
	grep -aq "^memory: done" "$log" && ! grep -aq "differs" "$log" && ok "$mib MiB: content holds" ||
		bad "$mib MiB: content differs"
	[ $BAD = 0 ] || tail -n 15 "$log"
}

boot 1024 1 200 >"$TMP/out1024" &
boot 3072 3 300 >"$TMP/out3072" &
wait
cat "$TMP/out1024" "$TMP/out3072"
! grep -q '^not ok' "$TMP/out1024" "$TMP/out3072" || BAD=1
boot 5120 4 700
above=$(grep -acE '^memory: range 1[0-9a-f]{8}-' "$TMP/log5120")
[ "$above" = 1 ] && ok "5 GiB: memory above 4 GiB" || bad "5 GiB: no memory above 4 GiB"
grep -aqE '^memory: range 1[0-9a-f]{8}-' "$TMP/log3072" && bad "3 GiB: memory above 4 GiB"
exit $((BAD != 0))
