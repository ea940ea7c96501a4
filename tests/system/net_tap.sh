#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A tap interface, in a network namespace of the test's own: ping, a fetch and a
# fetch back with equal checksums, offloads negotiated and used.
# limit: 300
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" != inside ]; then
	rm -rf "$TMP"
	ns=(unshare --net)
	[ "$(id -u)" = 0 ] || ns=(unshare --user --map-root-user --net)
	"${ns[@]}" sh -c 'ip tuntap add kvist0 mode tap' 2>/dev/null || { echo "no tap in a network namespace here"; exit 77; }
	exec "${ns[@]}" "$0" inside
fi
tiny_guest
ip link set lo up
ip tuntap add kvist0 mode tap
ip addr add 10.99.0.1/24 dev kvist0
ip link set kvist0 up
mkdir "$TMP/www"
head -c 6000000 /dev/urandom >"$TMP/www/big"
busybox httpd -f -p 10.99.0.1:8099 -h "$TMP/www" &
PIDS+=($!)
timeout 280 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
	--append "console=ttyS0 $QUICK test=tap" --net tap=kvist0 --console "file=$TMP/log" &
pid=$!
PIDS+=("$pid")
wait_for 200 "$pid" "$TMP/log" "^tap: features|^tap: mtu" || bad "the guest did not come up"
if timeout 60 "$KVIST" run --engine soft --kernel "$TINY" --append poweroff --net tap=kvist0 \
	--console "file=$TMP/log2" 2>"$TMP/err"; then
	bad "a second kvist got the same tap"
else
	grep -q 'in use' "$TMP/err" && ok "a tap in use is refused" || bad "tap in use: $(cat "$TMP/err")"
fi
wait_for 200 "$pid" "$TMP/log" "^tap: serving" || bad "the guest does not serve"
curl -sS -m 100 -o "$TMP/back" http://10.99.0.2/big
: >"$TMP/www/served"
wait "$pid"
rc=$?
[ $rc = 0 ] && ok "powered off" || bad "kvist ended with status $rc"

expect() { grep -aqE "$2" "$TMP/log" && ok "$1" || bad "$1"; }
expect "ping" "^tap: ping ok"
expect "ping with fragments" "^tap: large ping ok"
expect "fetch" "^tap: fetched $(md5sum <"$TMP/www/big" | cut -d' ' -f1)"
cmp -s "$TMP/www/big" "$TMP/back" && ok "what came back is equal" || bad "what came back differs"

# Bits of the feature string, from the left: CSUM 0, GUEST_CSUM 1, GUEST_TSO4 7,
# HOST_TSO4 11, MRG_RXBUF 15.
f=$(sed -n 's/^tap: .*features \([01]*\).*/\1/p' "$TMP/log")
for b in 0:checksums-out 1:checksums-in 7:segments-in 8:segments6-in 11:segments-out 12:segments6-out 15:merged-buffers; do
	[ "${f:${b%%:*}:1}" = 1 ] && ok "negotiated: ${b#*:}" || bad "not negotiated: ${b#*:} ($f)"
done
large()
{
	local packets bytes

	read -r packets bytes < <(sed -n "s/^tap: $2 \([0-9]*\) packets \([0-9]*\) bytes.*/\1 \2/p" "$TMP/log")
	[ "${packets:-0}" -gt 0 ] && [ $((bytes / packets)) -gt 1600 ] && ok "$1: $((bytes / packets)) bytes a packet" ||
		bad "$1: no large segments: ${bytes:-?} bytes in ${packets:-?} packets"
}
large "from the host" received
large "from the guest" transmitted
[ $BAD = 0 ] || tail -n 20 "$TMP/log"
exit $((BAD != 0))
