/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce.c - a neighbour advertisement (RFC 4861) that says what an IPv6 frame
 * says of its sender. libslirp 4.7 looks for neighbours it does not know while it
 * walks its queue, and may then walk it for ever; so it is told beforehand.
 *
 * And what must not reach it: it puts IPv4 fragments together in a way that some
 * lead to memory that is not its own.
 */
#include "vmm/net/net.h"

#define ETH_IP6		0x86dd
#define IP6_HDR		40u
#define ICMP6		58
#define ADVERTISEMENT	136
#define OPT_TARGET_MAC	2

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u16 checksum(const u8 *ip, const u8 *icmp, size_t n)
{
	u64 acc = n + ICMP6;
	size_t i;

	for (i = 8; i < IP6_HDR; i += 2)
		acc += (u32)ip[i] << 8 | ip[i + 1];
	for (i = 0; i < n; i += 2)
		acc += (u32)icmp[i] << 8 | icmp[i + 1];
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return (u16)~acc;
}

enum net_sender net_sender6(const u8 *frame, size_t n, const u8 **addr)
{
	static const u8 zero[16];

	if (n < NET_ETH_HDR + IP6_HDR || frame[12] != ETH_IP6 >> 8 || frame[13] != (ETH_IP6 & 0xff))
		return SENDER_NONE;
	*addr = frame + NET_ETH_HDR + 8;
	if (!memcmp(*addr, zero, 16))
		return SENDER_NONE;	/* looking whether an address is free */
	/* Nobody can be these. */
	return (*addr)[0] == 0xff || frame[6] & 1 ? SENDER_BAD : SENDER_HOST;
}

bool net_fragment4(const u8 *frame, size_t n)
{
	const u8 *ip = frame + NET_ETH_HDR;

	if (n < NET_ETH_HDR + 20 || frame[12] != 8 || frame[13] != 0)
		return false;
	return (ip[6] << 8 | ip[7]) & 0x3fff;	/* more fragments, or not the first */
}

void net_announce6(const u8 *frame, u8 out[NET_ANNOUNCE])
{
	const u8 *mac = frame + 6, *addr = frame + NET_ETH_HDR + 8;
	u8 *ip = out + NET_ETH_HDR, *icmp = ip + IP6_HDR;

	memset(out, 0, NET_ANNOUNCE);
	memcpy(out, (const u8[]){ 0x33, 0x33, 0, 0, 0, 1 }, 6);
	memcpy(out + 6, mac, 6);
	put16(out + 12, ETH_IP6);
	ip[0] = 0x60;
	put16(ip + 4, NET_ANNOUNCE - NET_ETH_HDR - IP6_HDR);
	ip[6] = ICMP6;
	ip[7] = 255;
	memcpy(ip + 8, addr, 16);
	ip[24] = 0xff;			/* ff02::1, all nodes */
	ip[25] = 2;
	ip[39] = 1;
	icmp[0] = ADVERTISEMENT;
	icmp[4] = 0x20;			/* override what is known */
	memcpy(icmp + 8, addr, 16);
	icmp[24] = OPT_TARGET_MAC;
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	put16(icmp + 2, checksum(ip, icmp, 32));
}
