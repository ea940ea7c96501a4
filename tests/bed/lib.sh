# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - for tests in a machine (the bed) whose SVM QEMU emulates: Debian's
# kernel, busybox, kvist and what a test adds. Sourced.
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"

command -v qemu-system-x86_64 >/dev/null || { echo "needs the package qemu-system-x86"; exit 77; }

L1=$TMP/l1		# the bed's root file system
BED_INSMOD=()		# modules to load, in order, in /root
BED_ACCEL=(-accel tcg)
BED_CPU=EPYC,+svm,+npt,+vgif
BED_APPEND="console=ttyS0 nokaslr mitigations=off panic=-1 quiet"

# Time is counted in instructions: figures repeat exactly.
bed_icount()
{
	BED_ACCEL=(-accel tcg -icount "shift=0,sleep=off" -rtc "base=2024-01-01,clock=vm")
	BED_CPU=EPYC,+svm,+npt,-rdrand,-rdseed
	BED_APPEND+=" norandmaps tsc=reliable"
}

mkdir -p "$L1"/{bin,dev,proc,sys,tmp,root}
cp "$(command -v busybox)" "$L1/bin/busybox"
ln -s busybox "$L1/bin/sh"

# bed_program FILE...: into /bin, with the libraries they need.
bed_program()
{
	local f lib

	for f; do
		cp "$f" "$L1/bin/"
		ldd "$f" 2>/dev/null | grep -o '/[^ ]*' | sort -u | while read -r lib; do
			install -D "$lib" "$L1$lib"
		done
	done
}

# bed_debian_module NAME...: modules of Debian's kernel, and what they need.
bed_debian_module()
{
	local v m

	v=$(ls "$G/modules/lib/modules")
	while read -r m; do
		cp "$m" "$L1/root/"
		BED_INSMOD+=("$(basename "$m")")
	done < <(for m; do
		modprobe -d "$G/modules" -S "$v" --show-depends "$m" | awk '$1 == "insmod" { print $2 }'
	done)
}

# bed_kvist_modules: kvist.ko and kvist-amd.ko, built for Debian's kernel.
bed_kvist_modules()
{
	local v

	v=$(ls "$G/modules/lib/modules")
	[ -d "/usr/src/linux-headers-$v" ] || { echo "needs the package linux-headers-$v"; exit 77; }
	make -C "$TOP" --no-print-directory -s KDIR="/usr/src/linux-headers-$v" modules >"$TMP/modules.log" 2>&1 ||
		{ tail "$TMP/modules.log"; exit 1; }
	for v in kvist kvist-amd; do
		strip -g -o "$L1/root/$v.ko" "$BUILD/modules/$v.ko"
		BED_INSMOD+=("$v.ko")
	done
}

# bed_no_modules: forget what was to be loaded.
bed_no_modules() { BED_INSMOD=(); }

# bed_guest: Debian's kernel and the test initrd for a nested guest, and a disk.
bed_guest()
{
	cp "$G/vmlinuz" "$G/initrd" "$L1/root/"
	truncate -s 4M "$L1/root/disk"
	echo "nested content" | dd of="$L1/root/disk" conv=notrunc status=none
}

# bed_run SECONDS CPUS <COMMANDS: runs them as the bed's init; its console goes to
# $TMP/log. Nothing is taken for granted: the caller looks there.
bed_run()
{
	local m

	{
		echo '#!/bin/busybox sh'
		echo '/bin/busybox --install -s /bin; mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev'
		for m in "${BED_INSMOD[@]}"; do
			echo "insmod /root/$m"
		done
		cat
		echo 'echo "bed: done"; poweroff -f'
	} >"$L1/init"
	chmod +x "$L1/init"
	(cd "$L1" && find . -print0 | cpio -o0 -H newc --quiet -R 0:0) >"$TMP/initrd"
	timeout "$1" qemu-system-x86_64 "${BED_ACCEL[@]}" -cpu "$BED_CPU" -smp "$2" -m 1024 -nic none \
		-display none -serial "file:$TMP/log" -no-reboot -kernel "$G/vmlinuz" -initrd "$TMP/initrd" \
		-append "$BED_APPEND" </dev/null 2>/dev/null
	tr -d '\r' <"$TMP/log" >"$TMP/out"
}

# expect WHAT REGEXP: a line of the bed's console.
expect() { grep -aqE "$2" "$TMP/out" && ok "$1" || bad "$1"; }
# expect_not WHAT REGEXP
expect_not() { grep -aqE "$2" "$TMP/out" && bad "$1" || ok "$1"; }

# What the kernel says when something is wrong with it.
KERNEL_TROUBLE='WARNING:|BUG:|Oops|Call Trace|general protection|lockdep|soft lockup|rcu.*stall'

bed_end()
{
	[ $BAD = 0 ] || tail -n 40 "$TMP/out"
	exit $((BAD != 0))
}
