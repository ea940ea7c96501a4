#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# User networking: DHCP, ping, a fetch, several forwarded TCP ports at once, a
# forwarded UDP port, UDP to the host. Needs no privileges.
# limit: 300
. "$(dirname "$0")/lib.sh"

gcc -static -O2 -o "$TMP/echo" "$TOP/tests/guest/udp_echo.c" || exit 1
truncate -s %4096 "$TMP/echo"
HTTP=$(free_port) UDP=$(free_port) P1=$(free_port) P2=$(free_port) P3=$(free_port)
mkdir "$TMP/www"
head -c 3000000 /dev/urandom >"$TMP/www/big"
busybox httpd -f -p "127.0.0.1:$HTTP" -h "$TMP/www" &
PIDS+=($!)
# A name server with one answer.
python3 - "$UDP" <<'END' &
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    q, a = s.recvfrom(2000)
    s.sendto(q[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + q[12:] +
             b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + bytes([192, 0, 2, 77]), a)
END
PIDS+=($!)
timeout 280 "$KVIST" run --engine soft --kernel "$G/vmlinuz" --initrd "$G/initrd" --memory 128M \
	--append "console=ttyS0 $QUICK test=user host_http=$HTTP host_udp=$UDP" --disk "$TMP/echo,readonly" \
	--net "user,hostfwd=tcp:127.0.0.1:$P1-:80,hostfwd=tcp:127.0.0.1:$P2-:8080,hostfwd=udp:127.0.0.1:$P3-:7" \
	--console "file=$TMP/log" &
pid=$!
PIDS+=("$pid")
wait_for 200 "$pid" "$TMP/log" "^user: serving" && ok "serving" || bad "the guest does not serve"

curls=()
for i in 1 2 3; do
	curl -sS -m 60 -o "$TMP/back$i" "http://127.0.0.1:$P1/big" &
	curls+=($!)
done
[ "$(curl -sS -m 60 "http://127.0.0.1:$P2/page")" = second ] && ok "second forward" || bad "second forward"
wait "${curls[@]}"
for i in 1 2 3; do
	cmp -s "$TMP/www/big" "$TMP/back$i" && ok "fetched back, connection $i" || bad "fetched back, connection $i"
done
python3 - "$P3" <<'END' && ok "UDP forward" || bad "UDP forward"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.settimeout(2)
for n in 1, 500, 1400, 1:
    for _ in range(10):
        s.send(b"x" * n)
        try:
            if s.recv(65536) == b"x" * n:
                break
        except socket.timeout:
            pass
    else:
        sys.exit("no echo of %d bytes" % n)
END
: >"$TMP/www/served"
wait "$pid"
rc=$?
[ $rc = 0 ] && ok "powered off" || bad "kvist ended with status $rc"
expect() { grep -aqE "$2" "$TMP/log" && ok "$1" || bad "$1"; }
expect "DHCP" "^user: dhcp 10.0.2.15/24 via 10.0.2.2 dns 10.0.2.3"
expect "ping" "^user: ping ok"
expect "fetch" "^user: fetched $(md5sum <"$TMP/www/big" | cut -d' ' -f1)"
expect "UDP to the host" "^user: udp answered"
expect "404" "^user: missing page is missing"
(exec 3<>"/dev/tcp/127.0.0.1/$P1") 2>/dev/null && bad "a forwarded port outlived kvist" || ok "ports are free again"
[ $BAD = 0 ] || tail -n 20 "$TMP/log"
exit $((BAD != 0))
