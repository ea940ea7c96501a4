#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kvist shim: what it runs, how it fails, what the command inherits.
. "$(dirname "$0")/lib.sh"

make -C "$TOP" -s build/libkvist-preload.so build/api/fds || exit 1

# expect STATUS PATTERN COMMAND...: of its output on both streams.
expect()
{
	local want=$1 pat=$2 rc

	shift 2
	timeout 60 "$@" >"$TMP/out" 2>&1 </dev/null
	rc=$?
	if [ $rc = "$want" ] && { [ -z "$pat" ] || grep -aqE -- "$pat" "$TMP/out"; }; then
		ok "${*#"$KVIST"}"
	else
		bad "${*#"$KVIST"}: status $rc, not $want: $(head -n 3 "$TMP/out")"
	fi
}

printf '#!/bin/sh\necho "script $1 $LD_PRELOAD"\n' >"$TMP/script"
chmod +x "$TMP/script"
printf 'int main(void) { return 0; }\n' >"$TMP/s.c"
echo text >"$TMP/text"
gcc -static -o "$TMP/static" "$TMP/s.c" || exit 1

expect 2 'no command' "$KVIST" shim
expect 2 'no command' "$KVIST" shim --
expect 2 "unknown option '-x'" "$KVIST" shim -x
expect 0 'usage:' "$KVIST" shim --help
expect 4 'nosuch-command: command not found' "$KVIST" shim -- nosuch-command
expect 4 'No such file' "$KVIST" shim -- ./nosuch-command
expect 4 'text: Permission denied' "$KVIST" shim -- "$TMP/text"
expect 4 'statically linked' "$KVIST" shim -- "$TMP/static"
expect 3 '' "$KVIST" shim -- sh -c 'exit 3'
expect 0 '^script one .*libkvist-preload.so$' "$KVIST" shim -- "$TMP/script" one
expect 0 'libkvist-preload.so:/nosuch.so' env LD_PRELOAD=/nosuch.so "$KVIST" shim -- "$TMP/script" two
expect 0 '^ok opens_in_every_way' "$KVIST" shim "$BUILD/api/fds" opens_in_every_way
expect 0 'GET_API_VERSION.* = 12' env KVIST_LOG=debug "$KVIST" shim -- "$BUILD/api/fds" opens_in_every_way
expect 0 '^SigIgn:.*0$' "$KVIST" shim -- grep SigIgn /proc/self/status

# On a machine that has no /dev/kvm. Clients look first.
ns=(unshare --mount)
[ "$(id -u)" = 0 ] || ns=(unshare --user --map-root-user --mount)
cat >"$TMP/nodev" <<'END'
mount -t tmpfs none "$1" || exit 77
for f in null zero urandom; do
	: >"$1/$f"
	mount --bind /dev/$f "$1/$f" || exit 77
done
mount --rbind "$1" /dev && [ ! -e /dev/kvm ] || exit 77
shift
exec "$@"
END
mkdir "$TMP/dev"
nodev() { timeout 100 "${ns[@]}" bash "$TMP/nodev" "$TMP/dev" "$@" >"$TMP/out" 2>&1 </dev/null; }
nodev "$KVIST" shim -- bash -c '[ -e /dev/kvm ] && [ -c /dev/kvm ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] && ! [ -e /dev/kvm2 ]'
case $? in
77) echo "no mount namespace here: a machine without /dev/kvm is not tested" ;;
0)
	ok "no device: it is there for those who look"
	nodev "$KVIST" shim -- "$BUILD/api/fds"
	rc=$?
	[ $rc = 0 ] && [ "$(grep -c '^ok' "$TMP/out")" -gt 20 ] && ok "no device: files" ||
		bad "no device: files: status $rc: $(grep -v '^ok' "$TMP/out")"
	;;
*) bad "no device: not there for those who look: $(cat "$TMP/out")" ;;
esac

# As installed: bin/kvist, and lib/ beside bin/.
mkdir -p "$TMP/bin" "$TMP/lib"
cp "$KVIST" "$TMP/bin/"
expect 4 'libkvist-preload.so is neither' "$TMP/bin/kvist" shim -- true
cp "$BUILD/libkvist-preload.so" "$TMP/lib/"
expect 0 "$TMP/bin/../lib/libkvist-preload.so" "$TMP/bin/kvist" shim -- "$TMP/script" three
mkdir "$TMP/a b"
cp "$TMP/bin/kvist" "$BUILD/libkvist-preload.so" "$TMP/a b"
expect 4 'has a space' "$TMP/a b/kvist" shim -- true
exit $((BAD != 0))
