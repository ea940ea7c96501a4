#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's QEMU, unmodified, under `kvist shim`, offers its guest Hyper-V's
# interface: Debian's kernel finds it and uses its clock, timers, IPIs and flushes.
# limit: 600
. "$(dirname "$0")/lib.sh"

QEMU=$(command -v qemu-system-x86_64) || { echo "qemu-system-x86_64 is not installed"; exit 77; }
# Linux takes KVM's own leaves rather, where it sees both.
HV=kvm=off,hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-vpindex,hv-runtime,hv-time,hv-synic
HV=$HV,hv-stimer,hv-stimer-direct,hv-tlbflush,hv-ipi,hv-reset,hv-frequencies

timeout 560 "$KVIST" shim -- "$QEMU" -M pc -accel kvm -cpu "qemu64,$HV" -smp 2 -m 256M -nodefaults \
	-no-reboot -display none -vga none -serial "file:$TMP/log" -kernel "$G/vmlinuz" \
	-initrd "$G/initrd" -append "console=ttyS0 test=cpus" >"$TMP/out" 2>&1 </dev/null
rc=$?
[ $rc = 0 ] && ok "QEMU ends well" || { bad "QEMU's status $rc"; tail -n 5 "$TMP/out" "$TMP/log"; }

# has WHAT PATTERN: is there such a line in the guest's log?
has()
{
	grep -aqE "$2" "$TMP/log" && ok "$1" || bad "$1"
}
has "the kernel finds Hyper-V" 'Hypervisor detected: Microsoft Hyper-V'
has "its clock is the reference TSC page" 'Switched to clocksource hyperv_clocksource_tsc_page'
has "it flushes TLBs by hypercall" 'Hyper-V: Using hypercall for remote TLB flush'
has "it sends IPIs by hypercall" 'Hyper-V: Using IPI hypercalls'
has "synthetic timers tick on both processors" '^irq HVS: +[1-9][0-9]* +[1-9][0-9]* '
has "both processors work" '^cpus done'
exit $((BAD != 0))
