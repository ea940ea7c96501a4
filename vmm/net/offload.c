/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offload.c - checksums and TCP segmentation in software, for backends that
 * want plain frames. It saves the guest the work, which pays most where the
 * guest is interpreted. Everything in the frame is hostile.
 */
#include "vmm/net/net.h"

#define ETH_IP		0x0800
#define ETH_IP6		0x86dd
#define IP_PROTO_TCP	6
#define IP6_HDR		40u
#define TCP_HDR		20u
#define TCP_FIN		0x01
#define TCP_PSH		0x08
#define TCP_CWR		0x80
#define GSO_MIN		48u	/* smaller segments serve nobody but an attacker */

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static u64 sum(const u8 *p, size_t n, u64 acc)
{
	for (; n >= 2; p += 2, n -= 2)
		acc += get16(p);
	return n ? acc + ((u32)p[0] << 8) : acc;
}

static u16 fold(u64 acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return (u16)acc;
}

/* The field holds the sum of the pseudo header already. */
static bool complete_checksum(const struct virtio_net_hdr_v1 *h, u8 *frame, size_t n)
{
	size_t at = (size_t)h->csum_start + h->csum_offset;
	u16 c;

	if (h->csum_start >= n || at + 2 > n)
		return false;
	c = (u16)~fold(sum(frame + h->csum_start, n - h->csum_start, 0));
	put16(frame + at, c ? c : 0xffff);	/* zero means "none" in UDP */
	return true;
}

struct segments {
	bool v6;
	size_t ip, tcp, data;	/* offsets of the headers and the payload */
};

static bool parse(const struct virtio_net_hdr_v1 *h, const u8 *f, size_t n, struct segments *s)
{
	size_t ihl;

	s->v6 = (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6;
	s->ip = NET_ETH_HDR;
	if (n < s->ip + IP6_HDR || get16(f + 12) != (s->v6 ? ETH_IP6 : ETH_IP))
		return false;
	ihl = s->v6 ? IP6_HDR : (f[s->ip] & 15) * 4u;
	if (f[s->ip] >> 4 != (s->v6 ? 6 : 4) || ihl < 20 ||
	    f[s->ip + (s->v6 ? 6 : 9)] != IP_PROTO_TCP)
		return false;
	s->tcp = s->ip + ihl;
	if (n < s->tcp + TCP_HDR)
		return false;
	s->data = s->tcp + (f[s->tcp + 12] >> 4) * 4u;
	return s->data >= s->tcp + TCP_HDR && s->data <= n;
}

static void segment_ip(u8 *f, size_t n, const struct segments *s, unsigned int index)
{
	u8 *ip = f + s->ip;

	if (s->v6) {
		put16(ip + 4, (u32)(n - s->tcp));
		return;
	}
	put16(ip + 2, (u32)(n - s->ip));
	put16(ip + 4, get16(ip + 4) + index);
	put16(ip + 10, 0);
	put16(ip + 10, (u16)~fold(sum(ip, s->tcp - s->ip, 0)));
}

static void segment_checksum(u8 *f, size_t n, const struct segments *s)
{
	u64 acc = IP_PROTO_TCP + (n - s->tcp);

	acc = s->v6 ? sum(f + s->ip + 8, 32, acc) : sum(f + s->ip + 12, 8, acc);
	put16(f + s->tcp + 16, 0);
	put16(f + s->tcp + 16, (u16)~fold(sum(f + s->tcp, n - s->tcp, acc)));
}

/*
 * Each segment is built in place: the headers move up to sit right before
 * its payload, which overwrites payload that was sent.
 */
static void segment(const struct virtio_net_hdr_v1 *h, u8 *frame, size_t n,
		    void (*out)(void *arg, const u8 *frame, size_t n), void *arg)
{
	u8 head[NET_ETH_HDR + 60 + 60];
	struct segments s;
	unsigned int index;
	size_t off, len;
	u8 *f, flags;

	if (!parse(h, frame, n, &s) || s.data > sizeof(head) || h->gso_size < GSO_MIN)
		return;
	memcpy(head, frame, s.data);
	flags = head[s.tcp + 13];
	for (off = s.data, index = 0; off < n; off += len, index++) {
		len = min(n - off, (size_t)h->gso_size);
		f = frame + off - s.data;
		memcpy(f, head, s.data);
		put32(f + s.tcp + 4, get32(head + s.tcp + 4) + (u32)(off - s.data));
		f[s.tcp + 13] = (u8)(flags & ~((off + len < n ? TCP_FIN | TCP_PSH : 0) |
					       (index ? TCP_CWR : 0)));
		segment_ip(f, s.data + len, &s, index);
		segment_checksum(f, s.data + len, &s);
		out(arg, f, s.data + len);
	}
}

void net_offload(const struct virtio_net_hdr_v1 *h, u8 *frame, size_t n,
		 void (*out)(void *arg, const u8 *frame, size_t n), void *arg)
{
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !complete_checksum(h, frame, n))
			return;
		out(arg, frame, n);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		segment(h, frame, n, out, arg);
		break;
	default:
		break;
	}
}
