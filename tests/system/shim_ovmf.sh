#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# UEFI firmware that needs system management mode (OVMF_CODE_4M.secboot.fd: its
# variables may be written from there only), in unmodified QEMU under `kvist
# shim`, with one and two processors: it comes to its shell.
# limit: 900
. "$(dirname "$0")/lib.sh"

FW=/usr/share/OVMF
QEMU=$(command -v qemu-system-x86_64) || { echo "qemu-system-x86_64 is not installed"; exit 77; }
[ -f $FW/OVMF_CODE_4M.secboot.fd ] || { echo "ovmf is not installed"; exit 77; }

# start CPUS: its log and variables in $TMP, named by the number.
start()
{
	cp $FW/OVMF_VARS_4M.fd "$TMP/vars$1"
	"$KVIST" shim -- "$QEMU" -M q35,smm=on -accel kvm -m 512M -smp "$1" -nodefaults -no-reboot \
		-display none -vga none -serial "file:$TMP/log$1" \
		-global driver=cfi.pflash01,property=secure,value=on \
		-drive "if=pflash,format=raw,unit=0,file=$FW/OVMF_CODE_4M.secboot.fd,readonly=on" \
		-drive "if=pflash,format=raw,unit=1,file=$TMP/vars$1" >"$TMP/out$1" 2>&1 </dev/null &
	PIDS+=($!)
}

start 1
start 2
for n in 1 2; do
	if ! wait_for 400 "${PIDS[n - 1]}" "$TMP/log$n" 'UEFI Interactive Shell'; then
		bad "$n processors: no shell"
		tail -n 5 "$TMP/out$n" "$TMP/log$n"
	elif cmp -s $FW/OVMF_VARS_4M.fd "$TMP/vars$n"; then
		bad "$n processors: no variable was written"
	else
		ok "$n processors: the shell, and variables written"
	fi
done
exit $((BAD != 0))
