#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's QEMU under `kvist shim` hands a running guest over to another one:
# once with the dirty log, once with dirty rings.
#   shim_migrate.sh [OPTIONS-OF-ACCEL-KVM...]	default: "" and ,dirty-ring-size=4096
# limit: 2500
. "$(dirname "$0")/lib.sh"

QEMU=$(command -v qemu-system-x86_64) || { echo "qemu-system-x86_64 is not installed"; exit 77; }

# A guest that rewrites two files all the time, and looks at what is in them.
mkdir "$TMP/root"
cat >"$TMP/root/init" <<'END'
#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev 2>/dev/null
busybox mkdir -p /t
busybox mount -t tmpfs t /t
exec >/dev/ttyS0 2>&1
busybox dd if=/dev/urandom of=/t/a bs=64k count=8 2>/dev/null
sum=$(busybox md5sum </t/a)
i=0
while :; do
	busybox cp /t/a "/t/b$((i % 2))"
	[ "$(busybox md5sum <"/t/b$((i % 2))")" = "$sum" ] && echo "round $i right" || echo "round $i wrong"
	i=$((i + 1))
	busybox sleep 0.2
done
END
chmod +x "$TMP/root/init"
{ cat "$G/initrd"; (cd "$TMP/root" && echo init | cpio -o -H newc --quiet -R 0:0); } >"$TMP/initrd"

# start DIR NAME [OPTION...]: QEMU with its monitor on DIR/NAME.in and .out; its PID in $!.
start()
{
	local d=$1 n=$2

	shift 2
	mkfifo "$d/$n.in"
	"$KVIST" shim -- "$QEMU" -M q35 -accel "kvm$ACCEL" -m 128M -nodefaults -no-reboot \
		-display none -vga none -serial "file:$d/$n.log" -monitor stdio \
		-kernel "$G/vmlinuz" -initrd "$TMP/initrd" -append "console=ttyS0 $QUICK rdinit=/init" \
		"$@" <>"$d/$n.in" >"$d/$n.out" 2>&1 &
	PIDS+=($!)
}

rounds() { grep -ac "right" "$1"; }

# hand_over DIR: the guest runs in one QEMU, then in another.
hand_over()
{
	local d=$1 from to end n

	mkdir "$d"
	start "$d" from
	from=$!
	start "$d" to -incoming "unix:$d/sock"
	to=$!
	wait_for 800 $from "$d/from.log" "^round 3 " || return 1
	end=$((SECONDS + 300))
	echo "migrate_set_parameter max-bandwidth 1G" >"$d/from.in"
	echo "migrate -d unix:$d/sock" >"$d/from.in"
	until grep -aq "Migration status: completed" "$d/from.out"; do
		! grep -aq "Migration status: failed" "$d/from.out" && [ $SECONDS -lt $end ] || return 1
		echo "info migrate" >"$d/from.in"
		sleep 1
	done
	n=$(rounds "$d/from.log")
	wait_for 100 $to "$d/to.log" "^round $((n + 3)) right" || return 1
	[ "$(rounds "$d/from.log")" = "$n" ] && ! grep -aq wrong "$d/from.log" "$d/to.log"
}

[ $# != 0 ] || set -- "" ,dirty-ring-size=4096
for ACCEL; do
	d=$TMP/log${ACCEL:+ring}
	if hand_over "$d"; then
		ok "kvm$ACCEL: $(rounds "$d/from.log") rounds here, then there"
	else
		bad "kvm$ACCEL"
		for f in "$d"/*.log "$d"/*.out; do tail -n 3 "$f" | tail -c 300; done
	fi
	for p in "${PIDS[@]}"; do
		{ kill "$p" && wait "$p"; } 2>/dev/null
	done
	PIDS=()
done
exit $((BAD != 0))
