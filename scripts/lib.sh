# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - what demo, check and the test scripts share. Sourced by bash.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$TOP/build

say()	{ printf '== %s\n' "$*" >&2; }
die()	{ printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root: run as root, or install sudo"
	fi
}

# need_packages PKG...: install what dpkg does not know as installed.
need_packages()
{
	local p missing=()

	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
			missing+=("$p")
	done
	[ ${#missing[@]} = 0 ] && return 0
	say "installing ${missing[*]}"
	install_now "${missing[@]}" || { as_root apt-get -q update >&2 && install_now "${missing[@]}"; } ||
		die "apt could not install: ${missing[*]}"
}

install_now()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 install --no-install-recommends "$@" >"${TMPDIR:-/tmp}/kvist-apt.$$" 2>&1
	local rc=$?

	[ $rc = 0 ] || tail -n 5 "${TMPDIR:-/tmp}/kvist-apt.$$" >&2
	rm -f "${TMPDIR:-/tmp}/kvist-apt.$$"
	return $rc
}

PKG_BUILD="gcc make libc6-dev libslirp-dev liburing-dev liblzma-dev libzstd-dev zlib1g-dev liblz4-dev"
PKG_GUEST="mmdebstrap e2fsprogs busybox-static cpio kmod"

build_kvist()
{
	say "building kvist"
	make -C "$TOP" -j"$(nproc)" --no-print-directory -s build/kvist build/libkvist-preload.so >&2 || die "the build failed"
}

# A TCP port of 127.0.0.1 that nobody listens on just now.
free_port()
{
	local p

	while :; do
		p=$((20000 + RANDOM % 30000))
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
	done
}

now_ms() { date +%s%3N; }
