#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's QEMU, unmodified, with `-accel kvm` under `kvist shim`: each machine
# with each place for the interrupt controllers boots the kernel through its
# firmware, finds its virtio disk and powers off.
#   shim_qemu.sh [all | MACHINE[,kernel_irqchip=WHERE]...]	default: four of the nine
# limit: 900
. "$(dirname "$0")/lib.sh"

QEMU=$(command -v qemu-system-x86_64) || { echo "qemu-system-x86_64 is not installed"; exit 77; }
[ $# != 0 ] || set -- pc pc,kernel_irqchip=split pc,kernel_irqchip=off q35
[ "$1" != all ] || set -- {pc,q35,microvm}{,\,kernel_irqchip=split,\,kernel_irqchip=off}

# boot MACHINE DIR: its disk, log and QEMU's messages in DIR.
boot()
{
	local d=$2 dev=virtio-blk-pci

	mkdir "$d"
	case $1 in microvm*) dev=virtio-blk-device ;; esac
	truncate -s 4M "$d/disk"
	echo "content" | dd of="$d/disk" conv=notrunc status=none
	timeout 400 "$KVIST" shim -- "$QEMU" -M "$1" -accel kvm -m 256M -nodefaults -no-reboot \
		-display none -vga none -serial "file:$d/log" \
		-kernel "$G/vmlinuz" -initrd "$G/initrd" -append "console=ttyS0 quiet test=disks" \
		-drive "file=$d/disk,format=raw,if=none,id=disk" \
		-device "$dev,drive=disk,serial=abc" >"$d/out" 2>&1 </dev/null
	echo $? >"$d/rc"
}

verdict()
{
	local d=$2 rc

	rc=$(cat "$d/rc")
	if [ "$rc" = 0 ] && grep -aq "^disk vda 8192 0 'abc' content" "$d/log" &&
	   grep -aq "^disk vda: written" "$d/log" && grep -aq "^changed" "$d/disk"; then
		ok "$1"
	else
		bad "$1: QEMU's status $rc"
		grep -v "host doesn't support" "$d/out" | tail -n 5
		tail -n 5 "$d/log"
	fi
}

# Two at a time.
for m; do
	boot "$m" "$TMP/${m//,/-}" &
	PIDS+=($!)
	[ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
done
wait
PIDS=()
for m; do
	verdict "$m" "$TMP/${m//,/-}"
done
exit $((BAD != 0))
