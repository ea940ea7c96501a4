#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kvist with --engine kvm, on upstream's kvm-amd, in a machine whose SVM QEMU
# emulates: Debian's kernel boots as a nested guest, sees its disks, powers off.
# limit: 600
. "$(dirname "$0")/../system/lib.sh"

command -v qemu-system-x86_64 >/dev/null || { echo "needs the package qemu-system-x86"; exit 77; }

L1=$TMP/l1
V=$(ls "$G/modules/lib/modules")
mkdir -p "$L1"/{bin,dev,proc,sys,tmp,root}
cp "$(command -v busybox)" "$L1/bin/busybox"
cp "$KVIST" "$L1/bin/kvist"
ldd "$KVIST" | grep -o '/[^ ]*' | sort -u | while read -r lib; do
	install -D "$lib" "$L1$lib"
done
modprobe -d "$G/modules" -S "$V" --show-depends kvm-amd | awk '$1 == "insmod" { print $2 }' >"$TMP/mods"
while read -r m; do
	cp "$m" "$L1/root/"
	echo "insmod /root/$(basename "$m")" >>"$TMP/insmod"
done <"$TMP/mods"
cp "$G/vmlinuz" "$G/initrd" "$L1/root/"
truncate -s 4M "$L1/root/disk"
echo "nested content" | dd of="$L1/root/disk" conv=notrunc status=none
{
	echo '#!/bin/busybox sh'
	echo '/bin/busybox --install -s /bin; mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev'
	cat "$TMP/insmod"
	echo 'kvist info'
	echo 'kvist run --kernel /root/vmlinuz --initrd /root/initrd --cpus 1 --memory 256M --disk /root/disk,serial=nested --append "console=ttyS0 quiet test=disks" --console file=/tmp/l2'
	echo 'echo "l2: ended with status $?"; cat /tmp/l2; poweroff -f'
} >"$L1/init"
chmod +x "$L1/init"
ln -s busybox "$L1/bin/sh"
(cd "$L1" && find . -print0 | cpio -o0 -H newc --quiet -R 0:0) >"$TMP/initrd"

timeout 580 qemu-system-x86_64 -accel tcg -cpu EPYC,+svm,+npt,+vgif -smp 1 -m 1024 -nic none -display none \
	-serial "file:$TMP/log" -no-reboot -kernel "$G/vmlinuz" -initrd "$TMP/initrd" \
	-append "console=ttyS0 nokaslr mitigations=off panic=-1 quiet" </dev/null 2>/dev/null
expect() { tr -d '\r' <"$TMP/log" | grep -aqE "$2" && ok "$1" || bad "$1"; }
expect "auto picked kvm" "engine kvm|auto picks +kvm"
expect "the nested guest sees its disk" "^disk vda 8192 0 'nested' nested content"
expect "the nested guest powered off" "^l2: ended with status 0"
[ $BAD = 0 ] || tail -n 30 "$TMP/log"
exit $((BAD != 0))
