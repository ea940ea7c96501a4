#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's QEMU, unmodified, with `-accel kvm` under `kvist shim`: each machine
# with each place for the interrupt controllers boots the kernel through its
# firmware, finds its virtio disk and powers off. The kernel is Debian's bzImage
# where no place is given, and the same kernel unpacked (PVH) elsewhere: to unpack
# it is more than half of a boot.
#   shim_qemu.sh [MACHINE[,kernel_irqchip=WHERE]...]	default: all nine
# limit: 900
# cpus: 2
. "$(dirname "$0")/lib.sh"

QEMU=$(command -v qemu-system-x86_64) || { echo "qemu-system-x86_64 is not installed"; exit 77; }
[ $# != 0 ] || set -- {pc,q35,microvm}{,\,kernel_irqchip=split,\,kernel_irqchip=off}

# boot MACHINE DIR: its disk, log and QEMU's messages in DIR.
boot()
{
	local d=$2 dev=virtio-blk-pci kernel=$G/vmlinuz

	mkdir "$d"
	case $1 in microvm*) dev=virtio-blk-device ;; esac
	case $1 in *,*) kernel=$TMP/vmlinux ;; esac
	truncate -s 4M "$d/disk"
	echo "content" | dd of="$d/disk" conv=notrunc status=none
	timeout 400 "$KVIST" shim -- "$QEMU" -M "$1" -accel kvm -m 256M -nodefaults -no-reboot \
		-display none -vga none -serial "file:$d/log" \
		-kernel "$kernel" -initrd "$G/initrd" -append "console=ttyS0 $QUICK test=disks" \
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

at=$(LC_ALL=C grep -aobP '\xFD7zXZ\x00' "$G/vmlinuz" | head -n 1 | cut -d: -f1)
tail -c +$((at + 1)) "$G/vmlinuz" | xz -dc --single-stream >"$TMP/vmlinux" 2>/dev/null

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
