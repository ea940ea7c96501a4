#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first seeds of fuzz_virtio and fuzz_backend: drivers that set up
their queues and do what each device is for. Steps: tests/fuzz/virtio_driver.h.

    tests/fuzz/seeds.py DIRECTORY    makes DIRECTORY/virtio, DIRECTORY/backend
"""
import os
import struct
import sys

NEXT, WRITE = 1, 2
ALL = 0x1FFFFFFFF        # every feature the device has
RX, TX = 0, 1


def start(kind, features=ALL, log_size=4):
    return bytes([kind]) + features.to_bytes(5, "little") + bytes([log_size])


def chain(queue, buffers, data=b"", shape=0):
    """buffers: (length, device writes it)."""
    s = bytes([3, queue, shape, len(buffers) - 1])
    for n, write in buffers:
        s += struct.pack("<HB", n, WRITE if write else 0)
    return s + bytes([len(data)]) + data


def round_():
    return b"\x09"


def host(n, data=b"", bits=0):
    """A host step: n bytes or request n, of which the data is given."""
    return bytes([8 | bits, n]) + (b"\0" if bits & 16 else b"") + data


def blk(type_, sector=0, extra=b"", length=512, write=True, shape=0):
    data = struct.pack("<IIQ", type_, 0, sector) + extra
    buffers = [(16, False)] + ([(length, write)] if length else []) + [(1, True)]
    return chain(0, buffers, data, shape)


def disk():
    rng = struct.pack("<QII", 8, 8, 0)
    s = blk(0) + blk(1, 3, b"written", 1024, False) + blk(0, 3, length=4096, shape=1)
    s += blk(4, length=0) + blk(8, length=20)
    s += blk(11, 0, rng, 16, False) + blk(13, 0, rng, 16, False)
    s += blk(13, 0, struct.pack("<QIIQII", 8, 8, 1, 0, 4, 0), 32, False)
    s += blk(0, 9999) + blk(77) + blk(11, 0, b"x" * 16, 16, False)
    return s + round_() * 3


def checksum(b):
    b += b"\0" * (len(b) & 1)
    s = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return 0xFFFF & ~s


def ip4(proto, payload, dst=(10, 0, 2, 2)):
    h = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, proto, 0,
                    10, 0, 2, 15, *dst)
    return h[:10] + struct.pack(">H", checksum(h)) + h[12:] + payload


def ip6(proto, payload):
    src = bytes.fromhex("fec00000000000000000000000000015")
    dst = bytes.fromhex("fec00000000000000000000000000002")
    return struct.pack(">IHBB", 6 << 28, len(payload), proto, 64) + src + dst + payload


def ether(kind, payload):
    return b"\xff" * 6 + b"\x52\x54\x00\x6b\x76\x00" + struct.pack(">H", kind) + payload


def net_header(flags=0, gso=0, hdr_len=0, gso_size=0, start_=0, offset=0):
    return struct.pack("<BBHHHHH", flags, gso, hdr_len, gso_size, start_, offset, 0)


def tcp(data=b"", flags=2):
    return struct.pack(">HHIIBBHHH", 4000, 80, 1, 0, 5 << 4, flags, 1000, 0, 0) + data


def udp(port, data):
    return struct.pack(">HHHH", 68, port, 8 + len(data), 0) + data


def frames():
    arp = struct.pack(">HHBBH6s4B6s4B", 1, 0x800, 6, 4, 1, b"\x52\x54\x00\x6b\x76\x00",
                      10, 0, 2, 15, b"\0" * 6, 10, 0, 2, 2)
    icmp = struct.pack(">BBHHH", 8, 0, 0xF7FF, 0, 0)
    dhcp = struct.pack(">BBBBI", 1, 1, 6, 0, 7) + b"\0" * 20 + b"\x52\x54\x00\x6b\x76\x00"
    yield net_header(), ether(0x806, arp)
    yield net_header(), ether(0x800, ip4(1, icmp))
    yield net_header(), ether(0x800, ip4(6, tcp()))
    yield net_header(), ether(0x800, ip4(17, udp(67, dhcp), (255, 255, 255, 255)))
    yield net_header(), ether(0x800, ip4(17, udp(69, b"\0\1file\0octet\0")))
    yield net_header(1, 0, 0, 0, 34, 16), ether(0x800, ip4(6, tcp(b"data", 24)))
    yield net_header(1, 1, 54, 100, 34, 16), ether(0x800, ip4(6, tcp(b"d" * 100, 24)))
    yield net_header(1, 4, 74, 100, 54, 16), ether(0x86DD, ip6(6, tcp(b"d" * 90, 24)))
    yield net_header(), ether(0x86DD, ip6(58, struct.pack(">BBHI", 133, 0, 0, 0)))


def net(frame=None):
    s = b"".join(chain(RX, [(1526, True)], shape=2 * i) for i in range(4))
    s += chain(RX, [(12, True), (2000, True)], shape=1)
    for head, body in [frame] if frame else frames():
        both = head + body
        tail = 400 if head[1] else 0
        s += chain(TX, [(12, False), (len(body) + tail, False)], both[:255]) + round_()
    return s + host(60, b"\x52" * 60) + round_() + host(200, b"\0" * 64, 16) + round_() * 2


def console():
    s = chain(RX, [(16, True)]) + chain(RX, [(64, True)], shape=2)
    s += chain(TX, [(5, False)], b"hello") + round_()
    s += host(40, b"typed" * 8) + round_() + host(40, b"typed" * 8, 64) + round_()
    s += chain(RX, [(4096, True)], shape=4) + round_() + chain(TX, [(4, False), (60000, False)], b"long")
    return s + host(1, b"", 32) + round_() * 2 + host(9, b"more text") + round_()


def rng():
    s = chain(0, [(64, True)]) + chain(0, [(1, True), (5000, True)], shape=1)
    return s + round_() + chain(0, [(16, True)], shape=2) * 40 + round_() * 2


def config():
    """Registers, capability window, interrupts by MSI-X."""
    s = b"\x06\x04\x06" + b"\xc5\x14\x00" + b"\x05\x00\x20"
    s += b"".join(b"\x26" + bytes([at]) + b"\x40\x00" for at in range(0x40, 0x80, 2))
    s += b"\x24\x10\x00\x00\x00" + b"\x24\x1a\x00\x00\x00"
    return s


def main():
    top = sys.argv[1]
    seeds = {"virtio": {}, "backend": {}}
    virtio, backend = seeds["virtio"], seeds["backend"]
    for name, features in (("all", ALL), ("plain", 1 << 32)):
        for kind, body in ((0, disk()), (16, disk()), (32, disk() + host(1) * 4), (1, net()),
                           (2, console()), (3, rng())):
            virtio["%s-%d" % (name, kind)] = start(kind, features) + body
            virtio["%s-%d-config" % (name, kind)] = start(kind, features) + config() + body
            virtio["%s-%d-twice" % (name, kind)] = \
                start(kind, features, 8) + body + b"\x47" + features.to_bytes(5, "little") + b"\x03" + body
        for kind, body in ((0, disk()), (1, disk()), (2, disk()), (0, host(16) + disk() + host(1) + disk()),
                           (3, net()), (4, net()), (5, console()), (6, rng())):
            backend["%s-%d-%d" % (name, kind, len(body))] = start(kind, features) + body
    for i, f in enumerate(frames()):
        virtio["frame-%d" % i] = start(1) + net(f)
        backend["tap-%d" % i] = start(3) + net(f)
        backend["user-%d" % i] = start(4) + net(f)
    for harness, files in seeds.items():
        os.makedirs(os.path.join(top, harness), exist_ok=True)
        for name, data in files.items():
            with open(os.path.join(top, harness, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
