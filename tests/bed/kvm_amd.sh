#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kvist with --engine kvm, on upstream's kvm-amd, in a machine whose SVM QEMU
# emulates: Debian's kernel boots as a nested guest, sees its disks, powers off.
# limit: 600
. "$(dirname "$0")/lib.sh"

bed_program "$KVIST"
bed_debian_module kvm-amd
bed_guest
bed_run 580 1 <<'END'
kvist info
kvist run --kernel /root/vmlinuz --initrd /root/initrd --cpus 1 --memory 256M --disk /root/disk,serial=nested --append "console=ttyS0 quiet cryptomgr.notests rodata=off test=disks" --console file=/tmp/l2
echo "l2: ended with status $?"; cat /tmp/l2
END
expect "auto picked kvm" "engine kvm|auto picks +kvm"
expect "the nested guest sees its disk" "^disk vda 8192 0 'nested' nested content"
expect "the nested guest powered off" "^l2: ended with status 0"
bed_end
