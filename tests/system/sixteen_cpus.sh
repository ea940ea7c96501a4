#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 16 vCPUs come up and all run.
# limit: 300
# cpus: 2
. "$(dirname "$0")/lib.sh"
timeout 280 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 512M --cpus 16 \
	--append "console=ttyS0 $QUICK test=cpus" --console "file=$TMP/log"
rc=$?
[ $rc = 0 ] && ok "powered off" || bad "kvist ended with status $rc"
grep -aq '^cpus 16' "$TMP/log" && ok "16 CPUs" || bad "not 16 CPUs"
grep -aq '^cpus done' "$TMP/log" && ok "all ran" || bad "not all ran"
grep -aqE 'soft lockup|rcu.*stall|BUG|WARNING' "$TMP/log" && bad "the kernel complained"
[ $BAD = 0 ] || tail -n 20 "$TMP/log"
exit $((BAD != 0))
