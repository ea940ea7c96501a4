#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - the benchmark: the same loads natively, on kvist's software engine
# and on QEMU TCG, in turn, RUNS times; CPU seconds, medians.
#
#   tests/bench/run.sh [RUNS [boot|shim]]     default 3, all
#
# Loads: tests/guest/prog (no operating system around them), booting Debian's
# kernel to init, and that in QEMU under `kvist shim`. Needs what ./demo needs; QEMU (package qemu-system-x86) is
# compared with where it is installed.
. "$(dirname "$0")/../system/lib.sh"

RUNS=${1:-3}
QEMU=$(command -v qemu-system-x86_64)
make -C "$TOP" -s -j"$(nproc)" build/kvist build/libkvist-preload.so guest-progs || exit 1
"$TOP/scripts/guest-image" || exit 1

# cpu COMMAND...: user + system seconds of one run, on the last line.
cpu() { ( TIMEFORMAT='%U %S'; time "$@" >"$TMP/out" 2>"$TMP/err" </dev/null ) 2>&1 | tail -n 1 | awk '{ print $1 + $2 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
insns() { sed -n 's/.* insns \([0-9]*\) .*/\1/p' "$TMP/err" | awk '{ s += $1 } END { print s + 0 }'; }

kvist_run() { KVIST_LOG=info timeout 100 "$KVIST" run --engine soft --console "file=$TMP/console" "$@"; }
tcg_run() { timeout 600 "$QEMU" -accel tcg -cpu qemu64 -nodefaults -display none -no-reboot -serial "file:$TMP/console" "$@"; }

row() { printf '%-16s %9s %9s %9s %9s %9s %9s\n' "$@"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 > 0) printf "%.1f", a / b; else printf "-" }'; }

echo "$(date -u +%F), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, median of $RUNS"
row load "native s" "kvist s" "TCG s" "kv/nat" "TCG/kv" "M insn/s"

bench_prog()
{
	local name=$1 n=$2 native=() kv=() tcg=() i count k t nat

	for ((i = 0; i < RUNS; i++)); do
		native+=("$(cpu "$BUILD/guest-prog/$name.native" "$n")")
		kv+=("$(cpu kvist_run --kernel "$BUILD/guest-prog/$name.elf" --append "$n" --memory 64M --debug-exit)")
		count=$(insns)
		[ -z "$QEMU" ] || tcg+=("$(cpu tcg_run -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$BUILD/guest-prog/$name.elf" -append "$n")")
	done
	k=$(printf '%s\n' "${kv[@]}" | median)
	t=$([ -z "$QEMU" ] && echo - || printf '%s\n' "${tcg[@]}" | median)
	nat=$(printf '%s\n' "${native[@]}" | median)
	row "$name" "$nat" "$k" "$t" "$(ratio "$k" "$nat")" "$(ratio "$t" "$k")" "$(ratio "$count" "$(awk -v k="$k" 'BEGIN { print k * 1e6 }')")"
}

# An initrd whose init powers off.
mkdir -p "$TMP/ir/bin"
cp "$(command -v busybox)" "$TMP/ir/bin/busybox"
printf '#!/bin/busybox sh\n/bin/busybox poweroff -f\n' >"$TMP/ir/init"
chmod +x "$TMP/ir/init"
(cd "$TMP/ir" && find . | cpio -o -H newc --quiet -R 0:0) >"$TMP/initrd"

bench_boot()
{
	local kv=() tcg=() i count k t

	for ((i = 0; i < RUNS; i++)); do
		kv+=("$(cpu kvist_run --kernel "$G/vmlinuz" --initrd "$TMP/initrd" --append "console=ttyS0 quiet" --memory 512M)")
		count=$(insns)
		[ -z "$QEMU" ] || tcg+=("$(cpu tcg_run -m 512 -kernel "$G/vmlinuz" -initrd "$TMP/initrd" -append "console=ttyS0 quiet")")
	done
	k=$(printf '%s\n' "${kv[@]}" | median)
	t=$([ -z "$QEMU" ] && echo - || printf '%s\n' "${tcg[@]}" | median)
	row "boot to init" - "$k" "$t" - "$(ratio "$t" "$k")" "$(ratio "$count" "$(awk -v k="$k" 'BEGIN { print k * 1e6 }')")"
}

# The same QEMU, whose guest unpacks the kernel itself: kvist is its /dev/kvm.
bench_shim()
{
	local kv=() tcg=() i k t

	[ -n "$QEMU" ] || return
	for ((i = 0; i < RUNS; i++)); do
		kv+=("$(cpu timeout 600 "$KVIST" shim -- "$QEMU" -accel kvm -nodefaults -display none -no-reboot -m 512 \
			-serial "file:$TMP/console" -kernel "$G/vmlinuz" -initrd "$TMP/initrd" -append "console=ttyS0 quiet")")
		tcg+=("$(cpu tcg_run -m 512 -kernel "$G/vmlinuz" -initrd "$TMP/initrd" -append "console=ttyS0 quiet")")
	done
	k=$(printf '%s\n' "${kv[@]}" | median)
	t=$(printf '%s\n' "${tcg[@]}" | median)
	row "QEMU boot" - "$k" "$t" - "$(ratio "$t" "$k")" -
}

[ $# -lt 2 ] || { "bench_$2"; exit; }
bench_prog sha256 300
bench_prog sort 60
bench_prog mixed 300
bench_prog calls 300
bench_prog float 300
bench_boot
bench_shim
