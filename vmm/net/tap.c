/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap.c - a tap interface of the host, with checksum and segmentation offloads. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "vmm/net/net.h"

#define BURST 64	/* frames read before others get their turn */

struct tap {
	struct net net;
	int fd;
	struct loop_fd *source;
	size_t pending;		/* bytes in pkt that the device had no room for */
	u8 pkt[NET_PKT_MAX];
};

static void tap_send(struct net *net, const struct iovec *iov, unsigned int n_iov)
{
	struct tap *t = container_of(net, struct tap, net);

	if (writev(t->fd, iov, (int)n_iov) < 0)
		host_log(HOST_DEBUG, "tap: frame dropped: errno %d", errno);
}

static void tap_ready(void *arg, short revents)
{
	struct tap *t = arg;
	unsigned int i;
	ssize_t n;

	if ((revents & POLLERR) && !(revents & POLLIN)) {
		loop_fd_events(t->source, 0);	/* the interface is gone */
		return;
	}
	for (i = 0; i < BURST; i++) {
		n = read(t->fd, t->pkt, sizeof(t->pkt));
		if (n < (ssize_t)NET_HDR)
			return;
		if (!t->net.receive(t->net.dev, t->pkt, (size_t)n)) {
			/* The kernel's queue takes over, and drops when it is full. */
			t->pending = (size_t)n;
			loop_fd_events(t->source, 0);
			return;
		}
	}
}

static void tap_resume(struct net *net)
{
	struct tap *t = container_of(net, struct tap, net);

	if (t->pending && !t->net.receive(t->net.dev, t->pkt, t->pending))
		return;
	t->pending = 0;
	loop_fd_events(t->source, POLLIN);
}

static void tap_negotiated(struct net *net, u64 features)
{
	struct tap *t = container_of(net, struct tap, net);
	unsigned long flags = 0;

	if (features >> VIRTIO_NET_F_GUEST_CSUM & 1) {
		flags |= TUN_F_CSUM;
		if (features >> VIRTIO_NET_F_GUEST_TSO4 & 1)
			flags |= TUN_F_TSO4;
		if (features >> VIRTIO_NET_F_GUEST_TSO6 & 1)
			flags |= TUN_F_TSO6;
	}
	if (ioctl(t->fd, TUNSETOFFLOAD, flags) < 0)
		host_log(HOST_WARN, "tap: offloads %lx: errno %d", flags, errno);
	t->pending = 0;
	loop_fd_events(t->source, POLLIN);
}

static void tap_free(struct net *net)
{
	struct tap *t = container_of(net, struct tap, net);

	loop_fd_del(t->source);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static const struct net_class tap_class = {
	.name = "tap", .send = tap_send, .resume = tap_resume,
	.negotiated = tap_negotiated, .free = tap_free,
};

static int attach(struct tap *t, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = NET_HDR;

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name))
		return fail(0, "tap=%s: not an interface name", name);
	/* TUNSETIFF would make one that nobody has configured. */
	if (!if_nametoindex(name))
		return fail(-errno, "tap=%s: make it first (ip tuntap add %s mode tap user NAME)",
			    name, name);
	memcpy(ifr.ifr_name, name, strlen(name));
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return fail(-errno, "tap=%s: /dev/net/tun", name);
	if (ioctl(t->fd, TUNSETIFF, &ifr) < 0) {
		if (errno == EBUSY)
			return fail(-EBUSY, "tap=%s: in use by another program", name);
		if (errno == EPERM)
			return fail(-EPERM, "tap=%s: make it for yourself "
				    "(ip tuntap add %s mode tap user NAME)", name, name);
		return fail(-errno, "tap=%s", name);
	}
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &size) < 0)
		return fail(-errno, "tap=%s: header size", name);
	return 0;
}

static void measure(struct tap *t, const char *name)
{
	unsigned long all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ifr.ifr_name, name, strlen(name));
	t->net.mtu = 1500;
	if (s >= 0 && !ioctl(s, SIOCGIFMTU, &ifr) && ifr.ifr_mtu >= 68 && ifr.ifr_mtu <= 65535)
		t->net.mtu = (u16)ifr.ifr_mtu;
	if (s >= 0)
		close(s);
	t->net.features = 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_HOST_TSO4 |
			  1ull << VIRTIO_NET_F_HOST_TSO6;
	if (!ioctl(t->fd, TUNSETOFFLOAD, all))
		t->net.features |= 1ull << VIRTIO_NET_F_GUEST_CSUM |
				   1ull << VIRTIO_NET_F_GUEST_TSO4 |
				   1ull << VIRTIO_NET_F_GUEST_TSO6;
	ioctl(t->fd, TUNSETOFFLOAD, 0ul);	/* until a driver says what it can take */
}

int net_tap_new(struct machine *m, const char *name, struct net **out)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return fail(-ENOMEM, "tap=%s", name);
	t->net = (struct net){ .cls = &tap_class };
	t->fd = -1;
	err = attach(t, name);
	if (err)
		goto err_free;
	measure(t, name);
	/* Quiet until a driver is there. */
	t->source = loop_fd_add(m->loop, t->fd, 0, tap_ready, t);
	if (!t->source) {
		err = fail(-ENOMEM, "tap=%s", name);
		goto err_free;
	}
	*out = &t->net;
	return 0;

err_free:
	tap_free(&t->net);
	return err;
}
