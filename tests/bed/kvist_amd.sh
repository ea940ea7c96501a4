#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kvist.ko and kvist-amd.ko in a machine whose SVM QEMU emulates: Debian's kernel
# boots as a nested guest, sees its disk, powers off; the modules let go.
# limit: 600
. "$(dirname "$0")/lib.sh"

bed_program "$KVIST"
bed_kvist_modules
bed_guest
bed_run 580 1 <<'END'
ls -l /dev/kvm /dev/kvist
kvist info
sleep 1000 3</dev/kvm & holder=$!
kvist run --kernel /root/vmlinuz --initrd /root/initrd --cpus 1 --memory 256M --disk /root/disk,serial=nested --append "console=ttyS0 quiet test=disks" --console file=/tmp/l2
echo "l2: ended with status $?"; cat /tmp/l2
rmmod kvist-amd && rmmod kvist && echo "unloaded while in use"
kill $holder; wait
rmmod kvist-amd && rmmod kvist && echo "unloaded"
ls /dev/kvm /dev/kvist
END
expect "the device is root's and the group's" "^crw-rw---- .* /dev/kvist"
expect "auto picked kvm" "engine kvm|auto picks +kvm"
expect "the nested guest sees its disk" "^disk vda 8192 0 'nested' nested content"
expect "the nested guest powered off" "^l2: ended with status 0"
expect_not "the modules stay while their device is open" "^unloaded while in use"
expect "the modules unload" "^unloaded$"
expect "and the device goes with them" "/dev/kvist: No such file"
expect_not "the bed's kernel has nothing to complain about" "$KERNEL_TROUBLE"
bed_end
