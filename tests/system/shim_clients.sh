#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clients of KVM in Debian's packages, beyond QEMU, unmodified under `kvist shim`:
# stress-ng --kvm, and, where it is installed, libvirt (a session's daemon starts
# QEMU for a domain of type kvm).
# limit: 900
. "$(dirname "$0")/lib.sh"

make -C "$TOP" -s build/libkvist-preload.so || exit 1
have() { for c; do command -v "$c" >/dev/null || return; done; }

stress_ng()
{
	KVIST_LOG=debug timeout 100 "$KVIST" shim -- stress-ng --kvm 2 --kvm-ops 200 --timeout 60 >"$TMP/stress" 2>&1 </dev/null
	rc=$?
	[ $rc = 0 ] && grep -q 'successful run' "$TMP/stress" && [ "$(grep -c 'CREATE_VM.* = [0-9]' "$TMP/stress")" -ge 200 ] &&
		ok "stress-ng" || { bad "stress-ng: status $rc"; grep -v '^kvist:' "$TMP/stress" | tail -n 10; }
}

domain()
{
	cat <<-END
		<domain type='kvm'>
		  <name>kvist-test</name>
		  <memory unit='MiB'>256</memory>
		  <vcpu>1</vcpu>
		  <os>
		    <type arch='x86_64' machine='q35'>hvm</type>
		    <kernel>$TMP/vmlinuz</kernel><initrd>$TMP/initrd</initrd>
		    <cmdline>console=ttyS0 $QUICK test=disks</cmdline>
		  </os>
		  <features><acpi/><apic/></features>
		  <cpu mode='host-passthrough'/>
		  <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
		  <devices>
		    <emulator>$(command -v qemu-system-x86_64)</emulator>
		    <disk type='file' device='disk'>
		      <driver name='qemu' type='raw'/><source file='$TMP/disk'/>
		      <target dev='vda' bus='virtio'/><serial>abc</serial>
		    </disk>
		    <serial type='file'><source path='$TMP/console'/><target port='0'/></serial>
		    <controller type='usb' model='none'/><memballoon model='none'/>
		  </devices>
		</domain>
	END
}

# All that libvirt keeps is below $TMP. It hands LD_PRELOAD on to QEMU. A session
# is not root's: there libvirtd wants to be the machine's.
libvirt()
{
	local as=() pid i

	export HOME=$TMP XDG_RUNTIME_DIR=$TMP/run XDG_CONFIG_HOME=$TMP/config XDG_CACHE_HOME=$TMP/cache
	mkdir -p "$TMP/bin" "$TMP/lib"
	mkdir -m 700 "$TMP/run"
	cp "$KVIST" "$TMP/bin/kvist"
	cp "$BUILD/libkvist-preload.so" "$TMP/lib"
	cp "$G/vmlinuz" "$G/initrd" "$TMP"
	truncate -s 4M "$TMP/disk"
	echo "content" | dd of="$TMP/disk" conv=notrunc status=none
	domain >"$TMP/domain.xml"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		chown -R 65534:65534 "$TMP"
	fi
	"${as[@]}" "$TMP/bin/kvist" shim -- libvirtd >"$TMP/libvirtd" 2>&1 </dev/null &
	pid=$!
	PIDS+=("$pid")
	for ((i = 0; i < 100; i++)); do
		[ ! -S "$TMP/run/libvirt/libvirt-sock" ] || break
		sleep 0.2
	done
	timeout 120 "${as[@]}" virsh -q -c qemu:///session create "$TMP/domain.xml" >"$TMP/virsh" 2>&1
	# It would outlive libvirtd.
	PIDS+=("$(cat "$TMP/run/libvirt/qemu/run/kvist-test.pid")")
	wait_for 700 "$pid" "$TMP/console" "reboot: Power down" && grep -q "^disk vda 8192 0 'abc' content" "$TMP/console" &&
		ok "libvirt: qemu:///session" || { bad "libvirt"; tail -n 5 "$TMP/virsh" "$TMP/libvirtd" "$TMP/console"; }
	kill "$pid"
	wait "$pid"
}

have stress-ng || { echo "stress-ng is not installed"; exit 77; }
stress_ng
! have virsh libvirtd qemu-system-x86_64 || libvirt
exit $((BAD != 0))
