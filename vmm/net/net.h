/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net.h - what a network device talks to on the host. A frame travels with a
 * virtio_net_hdr_v1 in front (12 bytes) that says which offloads it needs.
 * Nothing here blocks: what cannot be taken is dropped, as on a wire.
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include <linux/virtio_net.h>
#include <sys/uio.h>
#include "vmm/machine/machine.h"

#define NET_HDR		sizeof(struct virtio_net_hdr_v1)
#define NET_FRAME_MAX	65550u			/* 64 KiB of IP and the Ethernet header */
#define NET_PKT_MAX	(NET_HDR + NET_FRAME_MAX)
#define NET_ETH_HDR	14u

struct net;

struct net_class {
	const char *name;
	/* One frame from the guest, iov[0] being its header; n_iov <= NET_IOVS. */
	void (*send)(struct net *n, const struct iovec *iov, unsigned int n_iov);
	/* The device has receive buffers again. May be NULL. */
	void (*resume)(struct net *n);
	/* The virtio features the driver accepted: what it can be sent. May be NULL. */
	void (*negotiated)(struct net *n, u64 features);
	void (*free)(struct net *n);
};

#define NET_IOVS 257u

struct net {
	const struct net_class *cls;
	u64 features;		/* offload features of virtio-net that it can serve */
	u16 mtu;
	/*
	 * The device's: takes a frame with its header. False: no buffers; the
	 * backend keeps the frame until resume() or drops it.
	 */
	bool (*receive)(void *dev, const u8 *pkt, size_t n);
	void *dev;
};

/* 0 or -errno, the reason already printed. */
int net_user_new(struct machine *m, const struct net_config *cfg, struct net **out);
int net_tap_new(struct machine *m, const char *name, struct net **out);

/* hostfwd.c: "tcp:IP:PORT-IP:PORT", IPs may be empty. */
struct hostfwd {
	bool udp;
	u32 host_ip, guest_ip;		/* network order */
	u16 host_port, guest_port;
};
/* -EINVAL with the reason printed; guest_default (network order) when none is given. */
int hostfwd_parse(const char *s, u32 guest_default, struct hostfwd *out);

/*
 * offload.c: does in software what the header asks for. Calls out once per
 * frame, or per segment of it; the header's wishes that make no sense lead
 * to no call at all. frame is changed.
 */
void net_offload(const struct virtio_net_hdr_v1 *h, u8 *frame, size_t n,
		 void (*out)(void *arg, const u8 *frame, size_t n), void *arg);

/* announce.c: who an Ethernet frame is from. *addr: its IPv6 address, in frame. */
enum net_sender { SENDER_NONE /* no IPv6 host */, SENDER_HOST, SENDER_BAD };
enum net_sender net_sender6(const u8 *frame, size_t n, const u8 **addr);
/* The neighbour advertisement of a SENDER_HOST's frame. */
#define NET_ANNOUNCE	86u
void net_announce6(const u8 *frame, u8 out[NET_ANNOUNCE]);
/* Is it a piece of a larger IPv4 packet? */
bool net_fragment4(const u8 *frame, size_t n);

#endif
